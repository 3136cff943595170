//! The concave function that takes the place of the norm.

/// The concave function of an amplitude `y = |X_s| / u` in the place of the amplitude itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Surrogate {
    /// `sqrt(y)`: the L0.5 quasi-norm; a location at zero stays there (Strohmeier et al. 2016,
    /// equation 2).
    #[default]
    Sqrt,
    /// `log(y + eps)`, eps a hundredth of the largest y of the first round; a location may return.
    Log,
    /// gamma-MAP: maximises the evidence of a variance for each location, at a noise variance of
    /// `alpha / sqrt(n_times)`. The objective is `log|C| + tr(C^-1 M M') / n_times`; a location may
    /// return (Wipf and Nagarajan 2010).
    Evidence,
}

/// Part of the largest amplitude of the first round that smooths the logarithm.
const LOG_EPS: f64 = 0.01;

/// `g` and its derivative, for amplitudes in the unit `u`.
#[derive(Clone, Copy)]
pub(crate) struct Concave {
    surrogate: Surrogate,
    eps: f64,
}

impl Surrogate {
    /// The function for a first round whose largest amplitude is `largest`.
    pub(crate) fn with_largest(self, largest: f64) -> Concave {
        Concave { surrogate: self, eps: LOG_EPS * largest }
    }

    /// The unit in which an amplitude of 1 has weight 1, as a multiple of that amplitude.
    pub(crate) fn unit_of_weight_one(self) -> f64 {
        match self {
            Surrogate::Sqrt => 4.0,
            Surrogate::Evidence => 1.0,
            Surrogate::Log => 1.0 + LOG_EPS,
        }
    }
}

impl Concave {
    pub fn value(self, amplitude: f64) -> f64 {
        match self.surrogate {
            Surrogate::Sqrt => amplitude.sqrt(),
            Surrogate::Evidence => amplitude,
            // Where the first round found nothing there is no unit to take a logarithm in.
            Surrogate::Log if self.eps == 0.0 => 0.0,
            Surrogate::Log => (amplitude + self.eps).ln(),
        }
    }

    pub fn weight(self, amplitude: f64) -> f64 {
        match self.surrogate {
            Surrogate::Sqrt => 0.5 / amplitude.sqrt(),
            Surrogate::Evidence => 1.0,
            Surrogate::Log => 1.0 / (amplitude + self.eps),
        }
    }
}
