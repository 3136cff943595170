//! Frames against the definition of a tight frame.

use super::*;
use crate::machine::kernels::kernels;
use ndarray::Array2;

const STFTS: [&[Stft]; 6] = [
    &[Stft { wsize: 4, tstep: 2 }],
    &[Stft { wsize: 16, tstep: 4 }],
    &[Stft { wsize: 64, tstep: 4 }],
    &[Stft { wsize: 12, tstep: 6 }],
    &[Stft { wsize: 64, tstep: 4 }, Stft { wsize: 16, tstep: 2 }],
    &[Stft { wsize: 4, tstep: 2 }, Stft { wsize: 16, tstep: 4 }, Stft { wsize: 20, tstep: 10 }],
];

/// The frame keeps norms, and its transpose takes it back; the transpose is the transpose.
#[test]
fn frames_are_tight() -> Result<(), Error> {
    for stfts in STFTS {
        for n_times in [1, 2, 7, 61, 211] {
            let frame = Frame::new(n_times, stfts)?;
            let wave = |(i, j): (usize, usize)| ((i * 31 + j * j * 17) as f64 * 0.37).sin();
            let courses = Panel::from_array(Array2::from_shape_fn((3, n_times), wave).view())?;
            let coefs = frame.analysed(&courses)?;
            let (a, b) = (kernels().energy(courses.lanes()), kernels().energy(coefs.lanes()));
            assert!((a - b).abs() < 1e-13 * a, "{stfts:?} {n_times}: {a} {b}");
            let back = frame.synthesised(&coefs)?;
            let pairs = back.values().iter().zip(courses.values());
            assert!(pairs.into_iter().all(|(a, b)| (a - b).abs() < 1e-13));
            let mut other = Panel::zeros(3, frame.row_length())?;
            for (i, row) in other.values_mut().chunks_mut(frame.row_length()).enumerate() {
                for (k, value) in row.iter_mut().take(frame.n_coefs()).enumerate() {
                    *value = wave((i, k));
                }
            }
            let there = kernels().dot(coefs.lanes(), other.lanes());
            let back = frame.synthesised(&other)?;
            let here = kernels().dot(courses.lanes(), back.lanes());
            assert!((there - here).abs() < 1e-12 * a.sqrt() * 10.0, "{there} {here}");
        }
    }
    Ok(())
}

#[test]
fn windows_that_make_no_frame_are_refused() {
    for (wsize, tstep) in [(0, 2), (6, 2), (16, 0), (16, 3), (16, 6), (16, 16), (12, 3)] {
        assert!(Frame::new(20, &[Stft { wsize, tstep }]).is_err());
    }
}

/// In a band the coefficients are those of the whole frame, and its transpose is the transpose.
#[test]
fn bands_are_parts_of_the_frame() -> Result<(), Error> {
    let wave = |(i, j): (usize, usize)| ((i * 31 + j * j * 17) as f64 * 0.37).sin();
    let courses = Panel::from_array(Array2::from_shape_fn((2, 61), wave).view())?;
    for stfts in STFTS {
        let whole = Frame::new(61, stfts)?;
        let all = whole.analysed(&courses)?;
        for skipped in [1, 2, 3] {
            let open: Vec<bool> = (0..whole.n_frequencies()).map(|f| f % 3 != skipped).collect();
            let (band, places) = (whole.on_band(&open)?, whole.open_places(&open));
            assert_eq!(places.len(), band.n_coefs());
            let narrow = band.analysed(&courses)?;
            let mut kept = Panel::zeros(2, whole.row_length())?;
            for i in 0..2 {
                let (from, row) = (i * narrow.stride(), i * all.stride());
                for part in 0..2 {
                    for (k, &place) in places.iter().enumerate() {
                        let at = row + part * 8 * whole.half_width() + place;
                        let value = narrow.values()[from + part * 8 * band.half_width() + k];
                        assert_eq!(value, all.values()[at]);
                        kept.values_mut()[at] = value;
                    }
                }
            }
            let (one, other) = (band.synthesised(&narrow)?, whole.synthesised(&kept)?);
            let pairs = one.values().iter().zip(other.values());
            assert!(pairs.into_iter().all(|(a, b)| (a - b).abs() < 1e-13));
        }
    }
    Ok(())
}
