//! Tables of commands, and what must hold for any.
