//! What a tunnel's first bytes say: a ClientHello's server name, or that this is something else.

mod first_bytes;
mod hello;

pub use self::{
    first_bytes::{FirstBytes, Refused, Rules, judge},
    hello::{BadHello, ClientHello, LARGEST_HELLO, read},
};
