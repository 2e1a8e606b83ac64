//! A permission that knows accounts is not asked about members.
//~ `IsTeapot` is not a permission
//~ neither `Permission<Member>` nor `ObjectPermission<Member>`
//~ `impl Permission<MyUser> for ...`

use portcullis_tests::crates::portcullis::{
    AuthRequest, Decision, Permission, Policy, User, UserId, Verdict,
};

struct Member {
    id: UserId,
}

impl User for Member {
    fn id(&self) -> UserId {
        self.id.clone()
    }

    fn username(&self) -> &str {
        ""
    }

    fn is_active(&self) -> bool {
        true
    }

    fn auth_epoch(&self) -> i64 {
        0
    }
}

pub struct IsTeapot;

impl Permission for IsTeapot {
    fn check(&self, request: &AuthRequest) -> Verdict<'_> {
        Decision::allow_if(request.headers().contains_key("teapot")).into()
    }
}

impl Permission<Member> for IsAny {
    fn check(&self, _: &AuthRequest<'_, Member>) -> Verdict<'_> {
        Decision::Allow.into()
    }
}

pub struct IsAny;

#[cfg(wrong)]
pub fn tea(policy: Policy<Member>) -> Policy<Member> {
    policy.require(IsTeapot)
}

#[cfg(right)]
pub fn tea(policy: Policy<Member>) -> Policy<Member> {
    policy.require(IsAny)
}
