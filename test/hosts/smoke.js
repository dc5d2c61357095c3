// Loads the built package as ES modules and as CommonJS, as Node resolves it and as test runners do.
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);

const ENTRIES = {
  '': 'index',
  '/config': 'twilio-whatsapp.config',
  '/simulator': 'simulator/index',
};

for (const [entry, file] of Object.entries(ENTRIES)) {
  const name = `nestjs-twilio-whatsapp${entry}`;
  const module = await import(name);
  const commonjs = require(`../../dist/commonjs/${file}.js`);
  assert.deepEqual(Object.keys(commonjs).toSorted(), Object.keys(module).toSorted(), name);
  for (const [key, value] of Object.entries(require(name))) {
    // One copy for both, wherever Node can require ES modules: classes are tokens too.
    assert.equal(value, module[key], `${name}: ${key}`);
  }
}

const tokens = await import('../../dist/twilio-whatsapp.constants.js');
for (const [name, token] of Object.entries(
  require('../../dist/commonjs/twilio-whatsapp.constants.js'),
)) {
  if (typeof token === 'symbol') assert.equal(token, tokens[name], name);
}
