//! The system bridge: what agentd does, one folder a subject. Knows HTTP only where handlers join them.

pub mod network;
pub mod system;
