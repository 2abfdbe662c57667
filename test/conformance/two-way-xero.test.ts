import { describeTwoWay } from './two-way-suite.ts';

describeTwoWay('xero');
