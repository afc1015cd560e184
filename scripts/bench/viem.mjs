// The same ERC-20 transfer as keyd's, encoded and signed by viem. Speaks as keyd's example `signatures` does.
//   node viem.mjs VIEM_FOLDER
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";

const entry = (file) => import(pathToFileURL(`${process.argv[2]}/${file}`).href);
const { privateKeyToAccount } = await entry("_esm/accounts/index.js");
const { encodeFunctionData, erc20Abi, parseUnits } = await entry("_esm/index.js");
const account = privateKeyToAccount(`0x${"07".repeat(32)}`);

function once() {
  const args = ["0x70997970C51812dc3A010C7d01b50e0d17dc79C8", parseUnits("1.25", 6)];
  return account.signTransaction({
    type: "eip1559",
    chainId: 8453,
    nonce: 7,
    gas: 100_000n,
    maxFeePerGas: 3_000_000_000n,
    maxPriorityFeePerGas: 1_000_000_000n,
    to: "0x833589fCD6eDb6E08f4c7C32D4f71b54bdA02913",
    data: encodeFunctionData({ abi: erc20Abi, functionName: "transfer", args }),
  });
}

for await (const line of createInterface({ input: process.stdin })) {
  const [, , count] = line.split(" ").map(Number);
  const before = process.cpuUsage();
  const started = process.hrtime.bigint();
  const times = [];
  for (let number = 0; number < count; number += 1) {
    const began = process.hrtime.bigint();
    await once();
    times.push(Number(process.hrtime.bigint() - began) / 1000);
  }
  const wall = Number(process.hrtime.bigint() - started) / 1000 / count;
  const { user, system } = process.cpuUsage(before);
  times.sort((one, other) => one - other);
  process.stdout.write(`${wall} ${(user + system) / count} ${times[count >> 1]}\n`);
}
