//! One value for each of a few groups of threads.

use std::sync::atomic::{AtomicUsize, Ordering};

/// How many values there are: beyond as many threads, some share one.
const COUNT: usize = 16;

/// Values of which a thread always uses the same one, and no two lie in one cache line.
///
/// What every call writes to, be it only the count of a lock's readers, is handed from core to
/// core if all share it, which costs more than the rest of a lookup. Here each thread has its own.
#[derive(Debug)]
pub struct Stripes<T>([Stripe<T>; COUNT]);

/// Two lines: processors fetch them in pairs.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Stripe<T>(T);

impl<T: Default> Default for Stripes<T> {
    fn default() -> Self {
        Self(std::array::from_fn(|_| Stripe::default()))
    }
}

impl<T> Stripes<T> {
    /// The value of the calling thread, and of some others if there are many.
    #[must_use]
    pub fn mine(&self) -> &T {
        &self.0[NUMBER.with(|number| *number)].0
    }
}

thread_local! {
    /// Threads take turns, so that a server's workers, started one after another, have one each.
    static NUMBER: usize = {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        NEXT.fetch_add(1, Ordering::Relaxed) % COUNT
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_keeps_its_value_and_the_next_has_another() {
        let stripes = Stripes::<AtomicUsize>::default();
        let add = || {
            for _ in 0..1000 {
                stripes.mine().fetch_add(1, Ordering::Relaxed);
            }
        };
        std::thread::scope(|scope| {
            for _ in 0..2 {
                // One after the other: no other test's thread need be counted on to come between.
                let _ = scope.spawn(add).join();
            }
        });
        let counts = stripes.0.iter().map(|stripe| stripe.0.load(Ordering::Relaxed));
        assert!(counts.clone().sum::<usize>() == 2000 && counts.clone().all(|count| count % 1000 == 0));
    }
}
