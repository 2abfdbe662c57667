export { decimalOf, decimalText, minorOf, numberOf } from '../../decimals.ts';
