//! A row of random numbers, from which everything is made.

/// Numbers that are used up one after the other. Behind the end there are zeros, and zero is the least that
/// each choice can be: so a shorter row, or one with smaller numbers, is a simpler case.
#[derive(Debug)]
pub(super) struct Tape {
    numbers: Vec<u16>,
    at: usize,
}

impl Tape {
    pub(super) fn of(numbers: Vec<u16>) -> Self {
        Self { numbers, at: 0 }
    }

    fn next(&mut self) -> usize {
        let number = self.numbers.get(self.at).copied().unwrap_or(0);
        self.at += 1;
        number.into()
    }

    /// A number below `end`.
    pub(super) fn below(&mut self, end: usize) -> usize {
        self.next() % end
    }

    /// Whether something happens that happens in so many of 100 cases.
    pub(super) fn chance(&mut self, percent: usize) -> bool {
        self.next() % 100 >= 100 - percent
    }

    /// One of several.
    pub(super) fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }

    /// Each of several with a chance of its own, and the first when that leaves none.
    pub(super) fn some<T: Copy>(&mut self, percent: usize, from: &[T]) -> Vec<T> {
        let some: Vec<T> = from.iter().copied().filter(|_| self.chance(percent)).collect();
        if some.is_empty() { from.first().copied().into_iter().collect() } else { some }
    }
}
