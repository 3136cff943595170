//! The concave function that takes the place of the norm.

/// The concave function of `|X_s|_F` in the place of the norm itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Surrogate {
    /// `sqrt(|X_s|)`: the L0.5 quasi-norm; a location at zero stays there (Strohmeier et al. 2016, equation 2).
    #[default]
    Sqrt,
    /// `log(|X_s| + eps)`, eps a hundredth of the largest `|X_s|` of the first round; a location may return.
    Log,
}

/// `g` and its derivative.
#[derive(Clone, Copy)]
pub(super) struct Concave {
    pub surrogate: Surrogate,
    pub eps: f64,
}

impl Concave {
    pub fn value(self, norm: f64) -> f64 {
        match self.surrogate {
            Surrogate::Sqrt => norm.sqrt(),
            // Where the first round found nothing there is no unit to take a logarithm in.
            Surrogate::Log if self.eps == 0.0 => 0.0,
            Surrogate::Log => (norm + self.eps).ln(),
        }
    }

    pub fn weight(self, norm: f64) -> f64 {
        match self.surrogate {
            Surrogate::Sqrt => 0.5 / norm.sqrt(),
            Surrogate::Log => 1.0 / (norm + self.eps),
        }
    }
}
