//! Every way in which an input is refused, with the numbers that say why.

use thiserror::Error;

/// An input that cannot be solved, or a run stopped from outside.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum Error {
    /// An array has no rows or no columns.
    #[error(
        "{name} is empty: its shape is ({rows}, {columns}); give at least one row and one column"
    )]
    Empty {
        /// the argument
        name: &'static str,
        /// its rows
        rows: usize,
        /// its columns
        columns: usize,
    },
    /// Two dimensions that have to agree do not.
    #[error("{name} has {got} {what}, but {expected} are needed to match the {other}")]
    Mismatch {
        /// the argument
        name: &'static str,
        /// what is counted
        what: &'static str,
        /// how many there are
        got: usize,
        /// how many there should be
        expected: usize,
        /// the argument it has to match
        other: &'static str,
    },
    /// The columns of the gain do not fall into whole locations.
    #[error(
        "n_orient is {n_orient}, which does not divide the {columns} columns of gain; \
         give 1 for fixed and 3 for free or loose orientation"
    )]
    Orientation {
        /// orientations per location
        n_orient: usize,
        /// columns of the gain
        columns: usize,
    },
    /// An array holds a NaN or an infinity.
    #[error("{name} holds {value:?} at [{row}, {column}]; remove it first")]
    NotFinite {
        /// the argument
        name: &'static str,
        /// the value found
        value: f64,
        /// its row
        row: usize,
        /// its column
        column: usize,
    },
    /// A number is outside of its range.
    #[error("{name} is {value:?}; {remedy}")]
    Parameter {
        /// the argument
        name: &'static str,
        /// the value found
        value: f64,
        /// what to give instead
        remedy: &'static str,
    },
    /// A weight is not a positive number.
    #[error(
        "weights holds {value:?} for location {location}; weights are positive, \
         and infinity excludes a location"
    )]
    Weight {
        /// the location
        location: usize,
        /// the value found
        value: f64,
    },
    /// The evidence does not go with what was asked for.
    #[error("surrogate is \"evidence\"; {remedy}")]
    Evidence {
        /// what to do instead
        remedy: &'static str,
    },
    /// Double precision cannot hold a number of the answer.
    #[error(
        "{what} would be about 1e{log10}, which double precision cannot hold: gain reaches about \
         1e{gain} and data about 1e{data}; scale one of them"
    )]
    Scale {
        /// which number
        what: &'static str,
        /// its power of ten
        log10: i32,
        /// the power of ten of the gain, 0 where it is not extreme
        gain: i32,
        /// the power of ten of the data
        data: i32,
    },
    /// The arrays of a solve do not fit into memory.
    #[error("{bytes} bytes for {what} cannot be allocated; use fewer locations or samples")]
    Memory {
        /// what they are for
        what: &'static str,
        /// how many
        bytes: usize,
    },
    /// The monitor asked for a stop.
    #[error("the solve was interrupted")]
    Interrupted,
}
