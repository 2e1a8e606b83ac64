//! Who holds an `Admitted` has passed `admit`.
//~ private

use portcullis_tests::crates::portcullis::{Access, Admitted};

#[cfg(wrong)]
pub fn admitted(access: Access) -> Admitted {
    Admitted(access)
}

#[cfg(right)]
pub fn access(admitted: &Admitted) -> &Access {
    admitted.access()
}
