//! keyd.
