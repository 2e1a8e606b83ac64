//! Serves every case, or the one named, a hundred times, for callgrind to count; `benches/run` reads what it counted.
//!
//! Each call of [`measured`] becomes one dump, in the order of the names printed: the base, then ours. The base of a token
//! checks its signature, since AWS-LC has other code for other CPUs: what remains is ours, and the same on all of them.

use std::io::{Write, stdout};

use portcullis_benches::{Outcome, Sent, Serve, cases};
use static_alloc::Bump;

/// Nothing is ever freed, so an allocation costs the same wherever it stands: the C library's own allocator makes the same
/// case 400 instructions dearer or cheaper by what happens to lie in the heap. Allocations are counted apart.
#[global_allocator]
static HEAP: Bump<[u8; 1 << 29]> = Bump::uninit();

/// `benches/run` divides by it.
const REQUESTS: usize = 100;

fn main() -> Outcome<()> {
    let mut out = stdout().lock();
    let only = std::env::args().nth(1);
    let is_wanted = |name: &str| only.as_deref().is_none_or(|only| name == only);
    for mut case in cases()?.into_iter().filter(|case| is_wanted(&case.name)) {
        for serve in [case.signature.as_mut().unwrap_or(&mut case.base), &mut case.ours] {
            serve((case.request)());
            let requests: Vec<_> = (0..REQUESTS).map(|_| (case.request)()).collect();
            measured(serve, requests);
        }
        writeln!(out, "{}", case.name)?;
    }
    Ok(())
}

#[inline(never)]
fn measured(serve: &mut Serve, requests: Vec<Sent>) {
    for request in requests {
        std::hint::black_box(serve(request));
    }
}
