//! `datadip test`: the tests of action files.

mod expect;
