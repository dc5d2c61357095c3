import { notify } from './host';

void notify().then((types) => console.log(types.join(' ')));
