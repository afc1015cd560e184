//! From a text to its syntax tree.

use std::panic::{AssertUnwindSafe, catch_unwind};

use brush_parser::{ParserImpl, ParserOptions, ast::Program, parse_tokens};

use super::{
    lex,
    scan::{Dialect, Scan, Trouble},
};

/// Parses a whole text. What the grammar of the dialect does not know is trouble.
pub(super) fn parse(text: &str, dialect: Dialect) -> Scan<Program> {
    let tokens = lex::tokens(text, dialect)?;
    let options = ParserOptions {
        enable_extended_globbing: false,
        posix_mode: dialect == Dialect::Sh,
        sh_mode: dialect == Dialect::Sh,
        tilde_expansion_at_word_start: true,
        tilde_expansion_after_colon: false,
        parser_impl: ParserImpl::Peg,
    };
    // The grammar is another crate's; a fault of its must not become a way past the judgement.
    let parsed = catch_unwind(AssertUnwindSafe(|| parse_tokens(&tokens, &options)));
    parsed.ok().and_then(Result::ok).ok_or(Trouble("it does not follow the shell's grammar"))
}
