//! A rule without a check of the object would let all of them through.
//~ missing: `check_object`

use portcullis_tests::crates::portcullis::{AuthRequest, Decision, ObjectPermission, Verdict};

pub struct Book;

pub struct IsOpen;

#[cfg(wrong)]
impl ObjectPermission for IsOpen {
    type Object = Book;

    #[cfg(wrong)]
    fn check(&self, request: &AuthRequest) -> Verdict<'_> {
        Decision::allow_if(request.is_safe()).into()
    }
}

#[cfg(right)]
impl ObjectPermission for IsOpen {
    type Object = Book;

    #[cfg(right)]
    fn check_object(&self, request: &AuthRequest, _: &Book) -> Verdict<'_> {
        Decision::allow_if(request.is_safe()).into()
    }
}
