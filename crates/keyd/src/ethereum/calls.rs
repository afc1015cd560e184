//! What call data means: the calls that move tokens or give others the right to.

use alloy_primitives::{Address, U256};

/// Call data as far as keyd understands it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Call {
    /// None: the coin moves, and nothing else happens.
    Empty,
    /// ERC-20 `transfer`.
    Transfer { to: Address, amount: U256 },
    /// `transferFrom`, or an EIP-3009 authorisation that is handed in.
    TransferFrom { from: Address, to: Address, amount: U256 },
    /// `approve`, `increaseAllowance`, `permit`.
    Approve { spender: Address, amount: U256 },
    /// `setApprovalForAll` with yes.
    ApproveAll { operator: Address },
    /// Something else.
    Unknown,
}

/// Call data of a known function that is not what the function takes: some contracts would read it all the same, and
/// what they read is not what is seen.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BadCall {
    #[error("call data has four bytes at least")]
    Short,
    #[error("the call data of {0} is malformed: its length is wrong, or an address has bytes before it")]
    Malformed(&'static str),
}

/// The call data of ERC-20 `transfer`.
pub(crate) fn transfer_data(to: Address, amount: U256) -> Vec<u8> {
    let mut data = Vec::with_capacity(68);
    data.extend_from_slice(&[0xa9, 0x05, 0x9c, 0xbb]);
    data.extend_from_slice(to.into_word().as_slice());
    data.extend_from_slice(&amount.to_be_bytes::<32>());
    data
}

/// Reads call data.
pub(crate) fn read_call(data: &[u8]) -> Result<Call, BadCall> {
    let Some((selector, arguments)) = data.split_first_chunk::<4>() else {
        return if data.is_empty() { Ok(Call::Empty) } else { Err(BadCall::Short) };
    };
    match u32::from_be_bytes(*selector) {
        0xa905_9cbb => {
            let words = Words::exactly(arguments, 2, "transfer")?;
            Ok(Call::Transfer { to: words.address(0)?, amount: words.number(1) })
        }
        0x095e_a7b3 => {
            let words = Words::exactly(arguments, 2, "approve")?;
            Ok(Call::Approve { spender: words.address(0)?, amount: words.number(1) })
        }
        0x3950_9351 => {
            let words = Words::exactly(arguments, 2, "increaseAllowance")?;
            Ok(Call::Approve { spender: words.address(0)?, amount: words.number(1) })
        }
        0x23b8_72dd => {
            let words = Words::exactly(arguments, 3, "transferFrom")?;
            Ok(Call::TransferFrom { from: words.address(0)?, to: words.address(1)?, amount: words.number(2) })
        }
        0xa22c_b465 => {
            let words = Words::exactly(arguments, 2, "setApprovalForAll")?;
            let operator = words.address(0)?;
            // Taking a right away gives nobody anything, and is no known danger: it is judged as an unknown call.
            Ok(if words.number(1).is_zero() { Call::Unknown } else { Call::ApproveAll { operator } })
        }
        0xd505_accf => {
            let words = Words::exactly(arguments, 7, "permit")?;
            Ok(Call::Approve { spender: words.address(1)?, amount: words.number(2) })
        }
        0xe3ee_160e | 0xef55_bec6 => {
            let words = Words::exactly(arguments, 9, "transferWithAuthorization")?;
            Ok(Call::TransferFrom { from: words.address(0)?, to: words.address(1)?, amount: words.number(2) })
        }
        _ => Ok(Call::Unknown),
    }
}

/// The arguments of a call, 32 bytes each.
struct Words<'a> {
    words: &'a [[u8; 32]],
    of: &'static str,
}

impl<'a> Words<'a> {
    fn exactly(arguments: &'a [u8], count: usize, of: &'static str) -> Result<Self, BadCall> {
        match arguments.as_chunks::<32>() {
            (words, []) if words.len() == count => Ok(Self { words, of }),
            _ => Err(BadCall::Malformed(of)),
        }
    }

    fn address(&self, place: usize) -> Result<Address, BadCall> {
        match self.words[place].split_first_chunk::<12>() {
            Some((&[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], address)) => Ok(Address::from_slice(address)),
            _ => Err(BadCall::Malformed(self.of)),
        }
    }

    fn number(&self, place: usize) -> U256 {
        U256::from_be_bytes(self.words[place])
    }
}

#[cfg(test)]
mod tests {
    use alloy_primitives::keccak256;

    use super::*;

    fn data(signature: &str, words: &[[u8; 32]]) -> Vec<u8> {
        keccak256(signature)[..4].iter().copied().chain(words.iter().flatten().copied()).collect()
    }

    fn address(byte: u8) -> [u8; 32] {
        Address::repeat_byte(byte).into_word().0
    }

    fn number(number: u64) -> [u8; 32] {
        U256::from(number).to_be_bytes()
    }

    #[test]
    fn the_calls_that_move_tokens_are_known_by_their_signatures() {
        let [a, b] = [1, 2].map(Address::repeat_byte);
        let amount = U256::from(5);
        let many = |first: &[[u8; 32]], count| {
            first.iter().copied().chain(std::iter::repeat(number(9))).take(count).collect::<Vec<_>>()
        };
        let authorization = "(address,address,uint256,uint256,uint256,bytes32,uint8,bytes32,bytes32)";
        let cases = [
            (data("transfer(address,uint256)", &[address(1), number(5)]), Call::Transfer { to: a, amount }),
            (data("approve(address,uint256)", &[address(1), number(5)]), Call::Approve { spender: a, amount }),
            (
                data("increaseAllowance(address,uint256)", &[address(1), number(5)]),
                Call::Approve { spender: a, amount },
            ),
            (
                data("transferFrom(address,address,uint256)", &[address(1), address(2), number(5)]),
                Call::TransferFrom { from: a, to: b, amount },
            ),
            (data("setApprovalForAll(address,bool)", &[address(1), number(1)]), Call::ApproveAll { operator: a }),
            (data("setApprovalForAll(address,bool)", &[address(1), number(0)]), Call::Unknown),
            (
                data(
                    "permit(address,address,uint256,uint256,uint8,bytes32,bytes32)",
                    &many(&[address(1), address(2), number(5)], 7),
                ),
                Call::Approve { spender: b, amount },
            ),
            (
                data(
                    &format!("transferWithAuthorization{authorization}"),
                    &many(&[address(1), address(2), number(5)], 9),
                ),
                Call::TransferFrom { from: a, to: b, amount },
            ),
            (
                data(
                    &format!("receiveWithAuthorization{authorization}"),
                    &many(&[address(1), address(2), number(5)], 9),
                ),
                Call::TransferFrom { from: a, to: b, amount },
            ),
            (data("multicall(bytes[])", &[number(32), number(0)]), Call::Unknown),
            (vec![], Call::Empty),
        ];
        for (data, expected) in cases {
            assert_eq!(read_call(&data), Ok(expected));
        }
        assert_eq!(read_call(&transfer_data(a, amount)), Ok(Call::Transfer { to: a, amount }));
    }

    #[test]
    fn a_known_call_that_is_malformed_is_refused_rather_than_unknown() {
        let good = transfer_data(Address::repeat_byte(1), U256::from(5));
        let mut dirty = good.clone();
        dirty[4] = 1;
        for data in [[good.clone(), vec![0]].concat(), good[..67].to_vec(), dirty, good[..4].to_vec()] {
            assert_eq!(read_call(&data), Err(BadCall::Malformed("transfer")));
        }
        assert_eq!(read_call(&good[..3]), Err(BadCall::Short));
    }
}
