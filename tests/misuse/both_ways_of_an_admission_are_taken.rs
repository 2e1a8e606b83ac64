//! An adapter that knows `Ready` alone would have to let the other one through.
//~ non-exhaustive patterns: `Admission::NeedsBody(_)` not covered

use portcullis_tests::crates::portcullis::{Admission, Admitted};

#[cfg(wrong)]
pub fn admitted(admission: Admission) -> Option<Admitted> {
    match admission {
        Admission::Ready(admitted) => Some(admitted),
    }
}

#[cfg(right)]
pub fn admitted(admission: Admission) -> Option<Admitted> {
    match admission {
        Admission::Ready(admitted) => Some(admitted),
        Admission::NeedsBody(_) => None,
    }
}
