//! Which bytes a slice of a tensor consists of.

use std::ops::Range;

use lacre_weights::safetensors::Tensor;

/// Why a slice was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SliceProblem {
    /// More ranges than dimensions.
    #[error("{ranges} ranges for {rank} dimensions")]
    Ranges {
        /// How many ranges were given.
        ranges: usize,
        /// How many dimensions the tensor has.
        rank: usize,
    },
    /// A range ends before it begins, or behind its dimension.
    #[error("dimension {dimension} has {size} elements, not a range from {start} to {end}")]
    Outside {
        /// The dimension, from 0.
        dimension: usize,
        /// How many elements it has.
        size: u64,
        /// Where the range begins.
        start: u64,
        /// Where the range ends.
        end: u64,
    },
    /// The elements are smaller than a byte, and a row of the slice begins or ends within one.
    #[error("a row begins or ends within a byte")]
    WithinByte,
    /// It is larger than what this machine can address.
    #[error("it cannot be addressed on this machine")]
    TooLarge,
}

/// A slice of a tensor: rows of equal size, one behind the other within an element of the dimensions outside of them.
#[derive(Debug)]
pub(super) struct Slice {
    /// For each dimension, its size in the slice.
    shape: Vec<u64>,
    /// For each dimension outside of the rows: its range, and the distance in bits from one element to the next.
    outer: Vec<(Range<u64>, u64)>,
    /// Where the row of the outer elements 0 begins, in bits from the beginning of the tensor.
    start: u64,
    /// The size of a row in bits; 0 when the slice is empty.
    row: u64,
    /// Where the tensor begins, in bytes from the beginning of the file.
    base: u64,
}

impl Slice {
    /// The slice that `ranges` cut out of `tensor`. Nothing of it overflows: a header counts the tensor's bits.
    pub(super) fn of(tensor: &Tensor, ranges: &[Range<u64>]) -> Result<Self, SliceProblem> {
        let sizes = tensor.shape();
        if ranges.len() > sizes.len() {
            return Err(SliceProblem::Ranges { ranges: ranges.len(), rank: sizes.len() });
        }
        let mut cut = Vec::with_capacity(sizes.len());
        for (dimension, &size) in sizes.iter().enumerate() {
            let Range { start, end } = ranges.get(dimension).cloned().unwrap_or(0..size);
            if start > end || end > size {
                return Err(SliceProblem::Outside { dimension, size, start, end });
            }
            cut.push((start..end, size));
        }
        let shape: Vec<u64> = cut.iter().map(|(range, _)| range.end - range.start).collect();
        let base = tensor.place().start;
        if shape.contains(&0) {
            return Ok(Self { shape, outer: Vec::new(), start: 0, row: 0, base });
        }
        // From the innermost dimension on: while all of it is taken, the row grows by it; the first that is cut ends the row.
        let (mut row, mut start, mut distance) = (tensor.dtype().bits(), 0, tensor.dtype().bits());
        let mut outer = Vec::new();
        let mut is_whole = true;
        for (range, size) in cut.into_iter().rev() {
            if is_whole {
                start = range.start * distance;
                row = (range.end - range.start) * distance;
                is_whole = row == size * distance;
            } else {
                outer.push((range, distance));
            }
            distance *= size;
        }
        outer.reverse();
        Ok(Self { shape, outer, start, row, base })
    }

    /// Its size in each dimension.
    pub(super) fn shape(&self) -> Result<Vec<usize>, SliceProblem> {
        self.shape.iter().map(|&size| usize::try_from(size).map_err(|_| SliceProblem::TooLarge)).collect()
    }

    /// Its size in bytes. It is part of a tensor, so no more than the file has.
    pub(super) fn size(&self) -> Result<usize, SliceProblem> {
        let rows: u64 = self.outer.iter().map(|(range, _)| range.end - range.start).product();
        usize::try_from(rows * self.row / 8).map_err(|_| SliceProblem::TooLarge)
    }

    /// Where it lies in the file, if in one piece.
    pub(super) fn in_one_piece(&self) -> Result<Option<Range<u64>>, SliceProblem> {
        let mut rows = self.rows();
        match (rows.next(), rows.next()) {
            (None, _) => Ok(Some(self.base..self.base)),
            (Some(row), None) => row.map(Some),
            (Some(row), Some(_)) => row.map(|_| None),
        }
    }

    /// Where its rows lie in the file, in order.
    pub(super) fn rows(&self) -> impl Iterator<Item = Result<Range<u64>, SliceProblem>> {
        let first: Vec<u64> = self.outer.iter().map(|(range, _)| range.start).collect();
        let mut next = (self.row > 0).then_some(first);
        std::iter::from_fn(move || {
            let at = next.take()?;
            let outer: u64 =
                at.iter().zip(&self.outer).map(|(element, (_, distance))| element * distance).sum();
            next = self.following(at);
            let (start, end) = (self.start + outer, self.start + outer + self.row);
            let is_whole = start.is_multiple_of(8) && end.is_multiple_of(8);
            Some(if is_whole {
                Ok(self.base + start / 8..self.base + end / 8)
            } else {
                Err(SliceProblem::WithinByte)
            })
        })
    }

    /// The outer elements behind these, in row-major order.
    fn following(&self, mut at: Vec<u64>) -> Option<Vec<u64>> {
        for (element, (range, _)) in at.iter_mut().zip(&self.outer).rev() {
            *element += 1;
            if *element < range.end {
                return Some(at);
            }
            *element = range.start;
        }
        None
    }
}
