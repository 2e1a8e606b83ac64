//! What a permission looks at is a type, so that another object is never mistaken for it.
//~ missing: `Object`

use portcullis_tests::crates::portcullis::{AuthRequest, Decision, ObjectPermission, Verdict};

pub struct Book;

pub struct IsOpen;

#[cfg(wrong)]
impl ObjectPermission for IsOpen {
    fn check_object(&self, request: &AuthRequest, _: &Book) -> Verdict<'_> {
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
