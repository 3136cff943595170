//! The bounds found so far for the samples of a window, piece by piece.

use crate::error::Error;
use crate::machine::kernels::kernels;
use crate::machine::memory;
use std::ops::Range;

/// Pieces at most: two neighbours are longer than a third of the window, the first may be cut.
const MAX_PIECES: usize = 7;
/// The level of a correlation that was computed exactly.
const EXACT: usize = usize::MAX;

/// Pieces of the window, one after another from its start; they stay while the window moves on.
pub(super) struct Pieces {
    all: Vec<Piece>,
    n_pieces: usize,
    /// samples of a full piece
    n_times: usize,
}

/// Some samples of the window.
pub(super) struct Piece {
    pub n_times: usize,
    /// at least `|G_s'R|^2` over these samples
    pub squares: Vec<f64>,
    /// the level at which each location was bounded since the sources changed
    pub levels: Vec<usize>,
}

impl Pieces {
    pub fn new(n_locations: usize, (n_times, hop): (usize, usize)) -> Result<Self, Error> {
        let piece = || {
            let what = "the correlations";
            let levels = memory::zeros(what, n_locations)?;
            Ok(Piece { n_times: 0, squares: memory::zeros(what, n_locations)?, levels })
        };
        Ok(Pieces {
            all: (0..MAX_PIECES).map(|_| piece()).collect::<Result<_, Error>>()?,
            n_pieces: 0,
            n_times: hop.max(n_times.div_ceil(3)).min(n_times),
        })
    }

    /// Forgets all pieces.
    pub fn forget(&mut self) {
        self.n_pieces = 0;
    }

    /// Takes the pieces out and returns how many they are; if a look is interrupted before
    /// [`restore`](Pieces::restore), they count as unseen.
    pub fn take(&mut self) -> usize {
        std::mem::take(&mut self.n_pieces)
    }

    /// Declares the first `n_pieces` pieces seen.
    pub fn restore(&mut self, n_pieces: usize) {
        self.n_pieces = n_pieces;
        self.join();
    }

    /// Drops what falls out of the window when it moves on by `hop` samples.
    pub fn shift(&mut self, mut hop: usize) {
        while hop > 0 && self.n_pieces > 0 {
            let gone = hop.min(self.all[0].n_times);
            self.all[0].n_times -= gone;
            hop -= gone;
            if self.all[0].n_times == 0 {
                self.all[..self.n_pieces].rotate_left(1);
                self.n_pieces -= 1;
            }
        }
    }

    /// Counts the samples, from the start of the window, that have been looked at.
    pub fn n_seen(&self) -> usize {
        self.all[..self.n_pieces].iter().map(|piece| piece.n_times).sum()
    }

    /// Adds to the bounds of the first pieces what a change of R correlates with each location at
    /// most.
    pub fn loosen(&mut self, n_pieces: usize, differences: &[f64]) {
        for piece in &mut self.all[..n_pieces] {
            for (square, difference) in piece.squares.iter_mut().zip(differences) {
                *square = (square.sqrt() + difference).powi(2);
            }
            piece.levels.fill(0);
        }
    }

    /// Cuts the samples after the first `n_seen` pieces into new ones; returns how many pieces
    /// count as seen, and how many there are.
    pub fn cut(&mut self, n_seen: usize, n_times: usize) -> (usize, usize) {
        let seen = |n: usize| self.all[..n].iter().map(|piece| piece.n_times).sum::<usize>();
        let new = (n_times - seen(n_seen)).div_ceil(self.n_times);
        let n_seen = if n_seen + new <= MAX_PIECES { n_seen } else { 0 };
        let (mut left, mut n_pieces) = (n_times - seen(n_seen), n_seen);
        while left > 0 {
            // The first of them is the short one: it leaves the window first.
            let n_times = (left - 1) % self.n_times + 1;
            self.all[n_pieces].n_times = n_times;
            (left, n_pieces) = (left - n_times, n_pieces + 1);
        }
        (n_seen, n_pieces)
    }

    /// Lists the first pieces, each with its samples.
    pub fn with_samples(
        &mut self,
        n_pieces: usize,
    ) -> impl Iterator<Item = (Range<usize>, &mut Piece)> {
        let mut first = 0;
        self.all[..n_pieces].iter_mut().map(move |piece| {
            let samples = first..first + piece.n_times;
            first = samples.end;
            (samples, piece)
        })
    }

    /// Replaces the bounds of a location by the squares of its `G_s'R`, rows of `stride` numbers.
    pub fn exact(&mut self, s: usize, block: &[f64], stride: usize) {
        for (samples, piece) in self.with_samples(self.n_pieces) {
            let rows = block.chunks(stride).map(|row| &row[samples.clone()]);
            piece.squares[s] = rows.map(|row| kernels().dot_slices(row, row)).sum();
            piece.levels[s] = EXACT;
        }
    }

    /// Joins the last two pieces where both fit into a full one.
    fn join(&mut self) {
        if let [.., last, new] = &mut self.all[..self.n_pieces]
            && last.n_times + new.n_times <= self.n_times
        {
            last.n_times += new.n_times;
            last.squares.iter_mut().zip(&new.squares).for_each(|(sum, square)| *sum += square);
            last.levels.iter_mut().zip(&new.levels).for_each(|(a, b)| *a = (*a).min(*b));
            self.n_pieces -= 1;
        }
    }
}
