// What ethers, viem and Solana's own library make of the cases on standard input: one JSON array in, one out.
import { pathToFileURL } from 'node:url';
import { readFileSync } from 'node:fs';

const entry = (folder, file) => import(pathToFileURL(`${folder}/${file}`).href);
const { Wallet } = await entry(process.env.ETHERS, 'lib.esm/index.js');
const { privateKeyToAccount } = await entry(process.env.VIEM, '_esm/accounts/index.js');
const solana = await entry(process.env.SOLANA_MESSAGES, 'dist/index.node.mjs');

// Typed data's integers travel as text, and the libraries want numbers.
function read(types, type, value) {
  const array = /^(.*)\[\d*\]$/.exec(type);
  if (array) return value.map((one) => read(types, array[1], one));
  if (types[type]) return Object.fromEntries(types[type].map((field) => [field.name, read(types, field.type, value[field.name])]));
  return /^u?int/.test(type) ? BigInt(value) : value;
}

async function ethereum(one) {
  const wallet = new Wallet(one.key);
  const account = privateKeyToAccount(one.key);
  if (one.kind === 'message') {
    const raw = Buffer.from(one.payload.slice(2), 'hex');
    return [await wallet.signMessage(raw), await account.signMessage({ message: { raw: one.payload } })];
  }
  if (one.kind === 'typed') {
    const { EIP712Domain, ...types } = one.typed.types;
    const { domain, primaryType } = one.typed;
    const message = read(types, primaryType, one.typed.message);
    return [await wallet.signTypedData(domain, types, message), await account.signTypedData({ domain, types, primaryType, message })];
  }
  const tx = { to: one.to, value: BigInt(one.value), data: one.data, nonce: one.nonce, chainId: one.chain_id };
  const fees = { maxFeePerGas: BigInt(one.max_fee), maxPriorityFeePerGas: BigInt(one.priority) };
  return [
    await wallet.signTransaction({ ...tx, ...fees, type: 2, gasLimit: BigInt(one.gas) }),
    await account.signTransaction({ ...tx, ...fees, type: 'eip1559', gas: BigInt(one.gas) }),
  ];
}

function offchain(one) {
  const content = new TextDecoder('utf-8', { fatal: true }).decode(Buffer.from(one.payload.slice(2), 'hex'));
  const signer = { address: one.address };
  const application = '11111111111111111111111111111111';
  const message = { version: 0, applicationDomain: application, requiredSignatories: [signer], content: { format: one.format, text: content } };
  return [Buffer.from(solana.compileOffchainMessageV0Envelope(message).content).toString('hex')];
}

const answers = [];
for (const one of JSON.parse(readFileSync(0))) {
  answers.push(one.kind === 'offchain' ? offchain(one) : await ethereum(one));
}
process.stdout.write(JSON.stringify(answers));
