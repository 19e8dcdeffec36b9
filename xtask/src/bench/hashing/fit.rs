//! How time grows: the straight line through the points in the doubly logarithmic picture.

/// `seconds = factor × x ^ exponent`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Fit {
    pub(super) exponent: f64,
    pub(super) factor: f64,
}

impl Fit {
    /// The seconds at `x`.
    pub(super) fn at(&self, x: f64) -> f64 {
        self.factor * x.powf(self.exponent)
    }
}

/// The least-squares line through the logarithms of points `(x, seconds)`; none where the points determine none.
#[expect(clippy::cast_precision_loss, reason = "a handful of points")]
pub(super) fn fit(points: &[(f64, f64)]) -> Option<Fit> {
    if points.iter().any(|&(x, y)| !(x > 0.0 && y > 0.0)) {
        return None;
    }
    let logs: Vec<(f64, f64)> = points.iter().map(|&(x, y)| (x.ln(), y.ln())).collect();
    let count = logs.len() as f64;
    let mean_x = logs.iter().map(|(x, _)| x).sum::<f64>() / count;
    let mean_y = logs.iter().map(|(_, y)| y).sum::<f64>() / count;
    let spread = logs.iter().map(|(x, _)| (x - mean_x).powi(2)).sum::<f64>();
    let together = logs.iter().map(|(x, y)| (x - mean_x) * (y - mean_y)).sum::<f64>();
    // No point, one, or several at one place: any slope fits.
    if spread <= f64::EPSILON {
        return None;
    }
    let exponent = together / spread;
    Some(Fit { exponent, factor: (mean_y - exponent * mean_x).exp() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(left: f64, right: f64) -> bool {
        (left - right).abs() < 1e-9
    }

    #[test]
    fn a_power_is_found_again() {
        for (exponent, factor) in [(1.0, 0.25), (2.0, 3.0), (0.5, 1e-3), (0.0, 7.0)] {
            let truth = Fit { exponent, factor };
            let points: Vec<(f64, f64)> =
                [1.0_f64, 2.0, 8.0, 1e6].iter().map(|&x| (x, factor * x.powf(exponent))).collect();
            let found = fit(&points).unwrap();
            assert!(close(found.exponent, exponent) && close(found.factor / factor, 1.0), "{found:?}");
            assert!(close(found.at(4.0) / truth.at(4.0), 1.0));
        }
    }

    #[test]
    fn points_beside_the_line_are_balanced() {
        // Above and below y = x by the same factor, at places that are symmetric: the slope stays.
        let found = fit(&[(1.0, 2.0), (10.0, 5.0), (100.0, 50.0), (1000.0, 2000.0)]).unwrap();
        assert!(close(found.exponent, 1.0), "{found:?}");
        assert!(close(found.factor, 1.0), "{found:?}");
    }

    #[test]
    fn points_that_determine_no_line_have_none() {
        for points in [
            &[][..],
            &[(1.0, 1.0)],
            &[(2.0, 1.0), (2.0, 3.0)],
            &[(0.0, 1.0), (1.0, 1.0)],
            &[(1.0, -1.0), (2.0, 1.0)],
            &[(1.0, f64::NAN), (2.0, 1.0)],
        ] {
            assert_eq!(fit(points), None, "{points:?}");
        }
    }
}
