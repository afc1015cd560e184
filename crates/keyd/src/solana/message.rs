//! Transactions in the legacy message format: one transfer each, paid and signed by one wallet.

use std::collections::BTreeMap;

use super::Address;

/// What a signature costs, in lamports.
pub(crate) const FEE: u64 = 5000;

/// A message that one wallet signs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Message(Vec<u8>);

/// One instruction and the accounts that it names: whether each is written, beside the payer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Transfer {
    program: Address,
    accounts: Vec<(Address, bool)>,
    data: Vec<u8>,
}

/// The system program's transfer of lamports.
pub(crate) fn system_transfer(from: Address, to: Address, lamports: u64) -> Transfer {
    let mut data = vec![2, 0, 0, 0];
    data.extend_from_slice(&lamports.to_le_bytes());
    Transfer { program: Address::SYSTEM, accounts: vec![(from, true), (to, true)], data }
}

/// `TransferChecked` of an SPL token from owner to owner, between their associated accounts.
pub(crate) fn spl_transfer(
    owner: Address,
    to: Address,
    mint: Address,
    program: Address,
    amount: u64,
    decimals: u8,
) -> Option<Transfer> {
    let source = Address::token_account(&owner, &mint, &program)?;
    let target = Address::token_account(&to, &mint, &program)?;
    let mut data = vec![12];
    data.extend_from_slice(&amount.to_le_bytes());
    data.push(decimals);
    Some(Transfer { program, accounts: vec![(source, true), (mint, false), (target, true), (owner, false)], data })
}

impl Message {
    /// The fee for it, in lamports.
    pub(crate) const fn fee() -> u64 {
        FEE
    }

    /// The message of one instruction. Accounts stand in the order that every wallet gives them: payer, then those
    /// that are written, then those that are read, each by its bytes.
    pub(crate) fn new(payer: Address, transfer: &Transfer, blockhash: Address) -> Self {
        let mut written: BTreeMap<Address, bool> = BTreeMap::from([(transfer.program, false)]);
        for (address, is_written) in &transfer.accounts {
            *written.entry(*address).or_default() |= is_written;
        }
        written.remove(&payer);
        let (writable, readonly): (Vec<_>, Vec<_>) = written.into_iter().partition(|(_, is_written)| *is_written);
        let read = readonly.len();
        let accounts: Vec<Address> =
            std::iter::once(payer).chain(writable.into_iter().chain(readonly).map(|(address, _)| address)).collect();
        let place = |address: &Address| accounts.iter().position(|one| one == address).map_or(0, small);
        let mut out = vec![1, 0, small(read)];
        out.push(small(accounts.len()));
        for account in &accounts {
            out.extend_from_slice(&account.0);
        }
        out.extend_from_slice(&blockhash.0);
        // One instruction.
        out.push(1);
        out.push(place(&transfer.program));
        out.push(small(transfer.accounts.len()));
        out.extend(transfer.accounts.iter().map(|(address, _)| place(address)));
        out.push(small(transfer.data.len()));
        out.extend_from_slice(&transfer.data);
        Self(out)
    }

    /// What is signed.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// What is sent.
    pub(crate) fn signed(&self, signature: &[u8; 64]) -> Vec<u8> {
        let mut out = Vec::with_capacity(65 + self.0.len());
        out.push(1);
        out.extend_from_slice(signature);
        out.extend_from_slice(&self.0);
        out
    }
}

/// A count in one byte: Solana's short vectors have one up to 127, and a transfer has far fewer of anything.
fn small(count: usize) -> u8 {
    debug_assert!(count < 128);
    count as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transfer_names_payer_receiver_and_program_in_this_order() {
        let [from, to, hash] = [2, 1, 9].map(|byte| Address([byte; 32]));
        let message = Message::new(from, &system_transfer(from, to, 0x0102_0304), hash);
        let mut expected = vec![1, 0, 1, 3];
        for byte in [2, 1, 0, 9] {
            expected.extend_from_slice(&[byte; 32]);
        }
        expected.extend_from_slice(&[1, 2, 2, 0, 1, 12, 2, 0, 0, 0, 4, 3, 2, 1, 0, 0, 0, 0]);
        assert_eq!(message.bytes(), expected);
        assert_eq!(message.signed(&[5; 64])[..66], [&[1][..], &[5; 64], &[1]].concat());
    }

    #[test]
    fn a_transfer_to_oneself_names_the_payer_once() {
        let me = Address([2; 32]);
        let message = Message::new(me, &system_transfer(me, me, 1), Address([9; 32]));
        assert_eq!((message.bytes()[3], &message.bytes()[100..105]), (2, &[1, 1, 2, 0, 0][..]));
    }
}
