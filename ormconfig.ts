import { DataSource } from 'typeorm';
import { dataSourceOptions } from './src/app/data-source.js';
import { readEnvironment } from './src/app/environment.js';

/** What the TypeORM CLI works on: the database of the backend. */
export default new DataSource(dataSourceOptions(readEnvironment(process.env).DATABASE_URL));
