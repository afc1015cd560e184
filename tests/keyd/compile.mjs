// Compiles the contract on standard input with solc's npm package, and prints its creation code in hex.
import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';

const solc = createRequire(import.meta.url)(process.env.SOLC);
const asked = {
  language: 'Solidity',
  sources: { token: { content: readFileSync(0, 'utf8') } },
  settings: { evmVersion: 'paris', outputSelection: { '*': { '*': ['evm.bytecode.object'] } } },
};
const answer = JSON.parse(solc.compile(JSON.stringify(asked)));
const wrong = (answer.errors ?? []).filter((error) => error.severity === 'error');
if (wrong.length) throw new Error(wrong.map((error) => error.formattedMessage).join('\n'));
process.stdout.write(answer.contracts.token.Token.evm.bytecode.object);
