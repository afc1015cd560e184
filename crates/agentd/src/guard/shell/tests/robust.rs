//! What must hold for any text.

use super::Machine;
