//! What looks have found out about the samples of a window, piece by piece.

use crate::error::Error;
use crate::machine::kernels::kernels;
use crate::machine::memory;
use std::ops::Range;

/// Room for pieces: two neighbours are longer than a third of the window, the first may be cut.
const PIECES: usize = 7;
/// The level of what is exact.
const HIGHEST: usize = usize::MAX;

/// Pieces of the window that follow each other from its start; they stay while it moves on.
pub(super) struct Pieces {
    all: Vec<Piece>,
    n_pieces: usize,
    /// samples of a piece
    n_times: usize,
}

/// Some samples of the window.
pub(super) struct Piece {
    pub n_times: usize,
    /// at least `|G_s'R|^2` over them
    pub squares: Vec<f64>,
    /// how closely each location was looked at since the sources changed
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
            all: (0..PIECES).map(|_| piece()).collect::<Result<_, Error>>()?,
            n_pieces: 0,
            n_times: hop.max(n_times.div_ceil(3)).min(n_times),
        })
    }

    pub fn forget(&mut self) {
        self.n_pieces = 0;
    }

    /// How many there are, as long as nobody restores them: half of a look is none.
    pub fn take(&mut self) -> usize {
        std::mem::take(&mut self.n_pieces)
    }

    /// There are so many, all of them seen.
    pub fn restore(&mut self, n_pieces: usize) {
        self.n_pieces = n_pieces;
        self.join();
    }

    /// The window moves on.
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

    /// Samples from the start of the window that have been looked at.
    pub fn n_seen(&self) -> usize {
        self.all[..self.n_pieces].iter().map(|piece| piece.n_times).sum()
    }

    /// R has changed by what correlates with each location by so much at most.
    pub fn loosen(&mut self, n_pieces: usize, differences: &[f64]) {
        for piece in &mut self.all[..n_pieces] {
            for (square, difference) in piece.squares.iter_mut().zip(differences) {
                *square = (square.sqrt() + difference).powi(2);
            }
            piece.levels.fill(0);
        }
    }

    /// Samples that the first `n_seen` pieces do not reach become pieces; how many are seen, and how many there are.
    pub fn cut(&mut self, n_seen: usize, n_times: usize) -> (usize, usize) {
        let seen = |n: usize| self.all[..n].iter().map(|piece| piece.n_times).sum::<usize>();
        let new = (n_times - seen(n_seen)).div_ceil(self.n_times);
        let n_seen = if n_seen + new <= PIECES { n_seen } else { 0 };
        let (mut left, mut n_pieces) = (n_times - seen(n_seen), n_seen);
        while left > 0 {
            // The first is the odd one: it leaves first.
            let n_times = (left - 1) % self.n_times + 1;
            self.all[n_pieces].n_times = n_times;
            (left, n_pieces) = (left - n_times, n_pieces + 1);
        }
        (n_seen, n_pieces)
    }

    /// The first pieces, with the samples that each of them is of.
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

    /// Of a location: its `G_s'R`, rows of so many numbers.
    pub fn exact(&mut self, s: usize, block: &[f64], stride: usize) {
        for (samples, piece) in self.with_samples(self.n_pieces) {
            let rows = block.chunks(stride).map(|row| &row[samples.clone()]);
            piece.squares[s] = rows.map(|row| kernels().dot_slices(row, row)).sum();
            piece.levels[s] = HIGHEST;
        }
    }

    /// Makes one of the last two where they are short.
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
