//! Amounts: integers of the smallest unit. A point makes whole units of it, where that is exact.

use alloy_primitives::U256;

/// An amount as it was written: in the smallest unit, or in whole units with a point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Amount {
    Smallest(U256),
    /// The digits without the point, and how many stood behind it.
    Whole(U256, u8),
}

/// A text is no amount.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BadAmount {
    #[error("{0:?} is no amount: an integer of the smallest unit, or whole units with a point such as 1.5")]
    Form(String),
    #[error("{0:?} has more digits behind the point than the unit has ({1})")]
    Inexact(String, u8),
    #[error("{0:?} is written with a point, and nobody said how many decimals the token has; write its smallest unit")]
    NoDecimals(String),
    #[error("{0:?} is more than an amount can be")]
    Large(String),
}

/// Reads an amount. No sign, no exponent, no space, no grouping, no hex.
pub(crate) fn parse_amount(text: &str) -> Result<Amount, BadAmount> {
    let shown = || text.chars().take(100).collect::<String>();
    let (whole, fraction) = text.split_once('.').map_or((text, None), |(whole, rest)| (whole, Some(rest)));
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole) || fraction.is_some_and(|rest| !digits(rest)) || text.len() > 96 {
        return Err(BadAmount::Form(shown()));
    }
    let all = format!("{whole}{}", fraction.unwrap_or_default());
    let number = U256::from_str_radix(&all, 10).map_err(|_| BadAmount::Large(shown()))?;
    Ok(match fraction {
        None => Amount::Smallest(number),
        Some(rest) => Amount::Whole(number, u8::try_from(rest.len()).map_err(|_| BadAmount::Form(shown()))?),
    })
}

impl Amount {
    /// In the smallest unit of something with so many decimals.
    pub(crate) fn smallest(self, decimals: Option<u8>, text: &str) -> Result<U256, BadAmount> {
        let (number, behind) = match self {
            Self::Smallest(number) => return Ok(number),
            Self::Whole(number, behind) => (number, behind),
        };
        let decimals = decimals.ok_or_else(|| BadAmount::NoDecimals(text.into()))?;
        let missing = decimals.checked_sub(behind).ok_or_else(|| BadAmount::Inexact(text.into(), decimals))?;
        U256::from(10)
            .checked_pow(U256::from(missing))
            .and_then(|factor| number.checked_mul(factor))
            .ok_or_else(|| BadAmount::Large(text.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_are_the_smallest_unit_and_a_point_makes_whole_ones() {
        let table = [
            ("0", Some(0), Some(18)),
            ("1", Some(1), None),
            ("007", Some(7), None),
            ("1.5", Some(1_500_000), Some(6)),
            ("1.0", Some(1_000_000), Some(6)),
            ("0.000001", Some(1), Some(6)),
            ("0.0000001", None, Some(6)),
            ("0.0000010", None, Some(6)),
            ("1.5", None, None),
        ];
        for (text, expected, decimals) in table {
            let read = parse_amount(text).and_then(|amount| amount.smallest(decimals, text));
            assert_eq!(read.ok(), expected.map(U256::from), "{text}");
        }
    }

    #[test]
    fn nothing_else_is_an_amount() {
        let large = U256::MAX.to_string() + "0";
        for text in
            ["", ".", "1.", ".5", "-1", "+1", "1e18", "0x10", "1 ", " 1", "1,5", "1_000", "١", "1.5.5", "NaN", &large]
        {
            assert!(parse_amount(text).is_err(), "{text:?}");
        }
        assert_eq!(parse_amount(&U256::MAX.to_string()), Ok(Amount::Smallest(U256::MAX)));
        assert!(parse_amount("9.0").unwrap().smallest(Some(255), "9.0").is_err());
    }
}
