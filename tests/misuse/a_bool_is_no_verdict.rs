//! A permission says Allow or Deny by name: no `!` too many turns one into the other.
//~ `Verdict<'_>: From<bool>` is not satisfied

use portcullis_tests::crates::portcullis::{AuthRequest, Decision, Permission, Verdict};

pub struct IsSafe;

#[cfg(wrong)]
impl Permission for IsSafe {
    fn check(&self, request: &AuthRequest) -> Verdict<'_> {
        request.is_safe().into()
    }
}

#[cfg(right)]
impl Permission for IsSafe {
    fn check(&self, request: &AuthRequest) -> Verdict<'_> {
        Decision::allow_if(request.is_safe()).into()
    }
}
