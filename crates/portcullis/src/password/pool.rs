//! The threads that hash passwords.
//!
//! 1. As many hashes at a time as there are threads, as much kept memory: a login flood cannot eat more (tokio's
//!    `spawn_blocking` would run 512 at 19 MiB each).
//! 2. A bounded line waits for them; when it is full the answer is 503 at once, not a time-out later.
//! 3. Nobody is hashed for who has gone, and a hasher that panics takes neither its thread nor the others with it.
//! 4. What a hash leaves in the kept memory is wiped as soon as the thread has nothing else to do.

use std::collections::VecDeque;
use std::fmt;
use std::num::NonZero;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, LazyLock, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use futures_channel::oneshot;

#[cfg(feature = "argon2")]
use super::PasswordHashError;
use crate::error::Unavailable;

/// How many jobs wait per thread unless told: at 13 ms a hash, the last of them waits a tenth of a second.
const WAITING_PER_THREAD: usize = 8;
/// How long a thread stays idle before it wipes its memory. Wiping is not free, so it is not done
/// between hashes: the next one overwrites every block.
const IDLE_BEFORE_WIPE: Duration = Duration::from_millis(250);

/// The process's own pool. It is the one global of the crate, because what it bounds, cores and memory, belongs to the
/// process: with a pool for each set of hashers, ten sets would take ten times the memory.
static SHARED: LazyLock<HashPool> = LazyLock::new(|| {
    let threads = thread::available_parallelism().map_or(1, NonZero::get);
    HashPool::new(threads, threads.saturating_mul(WAITING_PER_THREAD))
});

/// A bounded pool of threads that hash passwords, each of which keeps the memory it hashes in.
///
/// A clone is another handle to the same threads; they end when the last handle is dropped.
///
/// # Examples
///
/// ```
/// use portcullis::password::HashPool;
///
/// let pool = HashPool::new(2, 16);
/// assert_eq!(format!("{pool:?}"), "HashPool { threads: 2, waiting: 16 }");
/// ```
///
/// # Security
///
/// It holds at most one hash's memory for each thread: 19 MiB with the default parameters.
#[derive(Clone)]
pub struct HashPool {
    owner: Arc<Owner>,
}

impl HashPool {
    /// Makes a pool of at least one thread, in which so many jobs wait at most; threads start when they are needed.
    #[must_use]
    pub fn new(threads: usize, waiting: usize) -> Self {
        let shared = Shared {
            threads: threads.max(1),
            waiting,
            state: Mutex::new(State { queue: VecDeque::new(), started: 0, busy: 0, closed: false }),
            wake: Condvar::new(),
        };
        Self { owner: Arc::new(Owner(Arc::new(shared))) }
    }

    /// Returns the pool that the process shares: a thread for each core, eight jobs waiting for each thread.
    #[must_use]
    pub fn shared() -> Self {
        SHARED.clone()
    }

    /// Runs a job on one of the threads; dropping the future drops the job if it has not begun.
    pub(super) async fn run<T, F>(&self, work: F) -> Result<T, Unavailable>
    where
        T: Send + 'static,
        F: FnOnce(&mut HashMemory) -> T + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        self.owner.0.submit(Box::new(Work { work, answer }))?;
        answered.await.map_err(|_| Unavailable::new("a password hasher panicked"))
    }
}

impl fmt::Debug for HashPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HashPool")
            .field("threads", &self.owner.0.threads)
            .field("waiting", &self.owner.0.waiting)
            .finish()
    }
}

/// The memory that a thread of a [`HashPool`] keeps from one hash to the next.
///
/// Fresh memory costs a hash up to twice its time in page faults, and lets the allocator's arenas grow to many times
/// what is in use.
///
/// # Examples
///
/// ```
/// use portcullis::password::HashMemory;
///
/// assert_eq!(HashMemory::default().kept_bytes(), 0);
/// ```
///
/// # Security
///
/// The blocks of a memory-hard hash let whoever reads them test guesses at the price of one fast hash. They are wiped
/// when the thread has been idle for a moment, and when it ends.
#[derive(Default)]
pub struct HashMemory {
    #[cfg(feature = "argon2")]
    blocks: Vec<::argon2::Block>,
    used: bool,
}

impl HashMemory {
    /// Returns how many bytes are kept.
    #[must_use]
    pub const fn kept_bytes(&self) -> usize {
        #[cfg(feature = "argon2")]
        return self.blocks.len() * ::argon2::Block::SIZE;
        #[cfg(not(feature = "argon2"))]
        0
    }

    /// Lends so many blocks, with anything in them; argon2 writes each before it reads it.
    #[cfg(feature = "argon2")]
    pub(super) fn blocks(&mut self, count: usize) -> Result<&mut [::argon2::Block], PasswordHashError> {
        const NO_MEMORY: PasswordHashError =
            PasswordHashError::Failed(std::borrow::Cow::Borrowed("there is no memory to hash a password in"));
        self.used = true;
        if self.blocks.len() < count {
            // A larger buffer takes nothing over from the smaller one, which is wiped first.
            self.wipe();
            self.blocks = Vec::new();
            self.blocks.try_reserve_exact(count).map_err(|_| NO_MEMORY)?;
            self.blocks.resize(count, ::argon2::Block::new());
            self.used = true;
        }
        self.blocks.get_mut(..count).ok_or(NO_MEMORY)
    }

    fn wipe(&mut self) {
        #[cfg(feature = "argon2")]
        self.blocks.iter_mut().for_each(zeroize::Zeroize::zeroize);
        self.used = false;
    }
}

impl Drop for HashMemory {
    fn drop(&mut self) {
        if self.used {
            self.wipe();
        }
    }
}

impl fmt::Debug for HashMemory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HashMemory").field("kept_bytes", &self.kept_bytes()).finish()
    }
}

/// Ends the threads when the last handle goes; the threads themselves hold only what is inside.
struct Owner(Arc<Shared>);

impl Drop for Owner {
    fn drop(&mut self) {
        self.0.lock().closed = true;
        self.0.wake.notify_all();
    }
}

struct Shared {
    threads: usize,
    waiting: usize,
    state: Mutex<State>,
    wake: Condvar,
}

struct State {
    queue: VecDeque<Box<dyn Job>>,
    started: usize,
    busy: usize,
    closed: bool,
}

impl Shared {
    fn submit(self: &Arc<Self>, job: Box<dyn Job>) -> Result<(), Unavailable> {
        let mut state = self.lock();
        if self.is_full(&state) {
            // Clients that hang up must not keep the others out. What their jobs hold is dropped without the lock.
            let (gone, kept): (VecDeque<_>, _) = state.queue.drain(..).partition(|job| job.is_abandoned());
            state.queue = kept;
            drop(state);
            drop(gone);
            state = self.lock();
        }
        if self.is_full(&state) {
            return Err(Unavailable::new("the password hashing pool is full"));
        }
        let idle = state.started.saturating_sub(state.busy);
        if idle <= state.queue.len() && state.started < self.threads {
            match self.start_thread() {
                Ok(()) => state.started += 1,
                // With a thread there is progress; without any, the job would wait for ever.
                Err(_) if state.started > 0 => {}
                Err(_) => return Err(Unavailable::new("no thread to hash passwords can be started")),
            }
        }
        state.queue.push_back(job);
        self.wake.notify_one();
        Ok(())
    }

    fn is_full(&self, state: &State) -> bool {
        state.busy + state.queue.len() >= self.threads.saturating_add(self.waiting)
    }

    fn start_thread(self: &Arc<Self>) -> std::io::Result<()> {
        let shared = Arc::clone(self);
        let thread = thread::Builder::new().name("portcullis-hash".to_owned());
        thread.spawn(move || shared.serve()).map(drop)
    }

    fn serve(&self) {
        let mut memory = HashMemory::default();
        while let Some(job) = self.next(&mut memory) {
            job.run(&mut memory, self);
        }
    }

    /// Waits for a job; `None` when the last handle is gone.
    fn next(&self, memory: &mut HashMemory) -> Option<Box<dyn Job>> {
        let mut state = self.lock();
        loop {
            if state.closed {
                return None;
            }
            match state.queue.pop_front() {
                Some(job) => {
                    state.busy += 1;
                    return Some(job);
                }
                None if memory.used => state = self.wait_or_wipe(state, memory),
                None => state = self.wake.wait(state).unwrap_or_else(PoisonError::into_inner),
            }
        }
    }

    fn wait_or_wipe<'a>(
        &'a self,
        state: MutexGuard<'a, State>,
        memory: &mut HashMemory,
    ) -> MutexGuard<'a, State> {
        let waited = self.wake.wait_timeout(state, IDLE_BEFORE_WIPE);
        let (state, waited) = waited.unwrap_or_else(PoisonError::into_inner);
        if !waited.timed_out() || !state.queue.is_empty() {
            return state;
        }
        drop(state);
        memory.wipe();
        self.lock()
    }

    /// Takes the lock; no code of others runs under it, so a poisoned one guards a sound state.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

trait Job: Send {
    fn is_abandoned(&self) -> bool;
    fn run(self: Box<Self>, memory: &mut HashMemory, shared: &Shared);
}

struct Work<F, T> {
    work: F,
    answer: oneshot::Sender<T>,
}

impl<T: Send, F: FnOnce(&mut HashMemory) -> T + Send> Job for Work<F, T> {
    fn is_abandoned(&self) -> bool {
        self.answer.is_canceled()
    }

    fn run(self: Box<Self>, memory: &mut HashMemory, shared: &Shared) {
        let Self { work, answer } = *self;
        let outcome = catch_unwind(AssertUnwindSafe(|| (!answer.is_canceled()).then(|| work(memory))));
        // Before the answer, so that whoever has it finds the place free.
        shared.lock().busy -= 1;
        match outcome {
            // The caller may have gone meanwhile.
            Ok(Some(outcome)) => drop(answer.send(outcome)),
            Ok(None) => {}
            // Dropping the sender is the answer; memory that a panic left half-written is not kept.
            Err(_) => *memory = HashMemory::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::{Barrier, Weak, mpsc};
    use std::time::Instant;

    use futures_util::FutureExt;
    use futures_util::future::{BoxFuture, join_all};

    use super::*;

    /// Far more than anything here takes; only a test that fails waits so long.
    const DEADLINE: Duration = Duration::from_secs(20);

    async fn soon<T>(future: impl Future<Output = T>) -> T {
        tokio::time::timeout(DEADLINE, future).await.expect("it never ends")
    }

    fn started(pool: &HashPool) -> usize {
        pool.owner.0.lock().started
    }

    /// A job that has been submitted, answers with its value, and ends once the gate opens.
    fn submit(
        pool: &HashPool,
        value: usize,
        gate: &Arc<Barrier>,
    ) -> BoxFuture<'static, Result<usize, Unavailable>> {
        let (pool, gate) = (pool.clone(), Arc::clone(gate));
        let mut job = async move {
            let work = move |_: &mut HashMemory| {
                gate.wait();
                value
            };
            pool.run(work).await
        }
        .boxed();
        match (&mut job).now_or_never() {
            Some(answer) => std::future::ready(answer).boxed(),
            None => job,
        }
    }

    /// Occupies the one thread of a pool until the answer is sent.
    fn occupy(pool: &HashPool) -> (mpsc::Sender<()>, BoxFuture<'static, Result<(), Unavailable>>) {
        let (release, released) = mpsc::channel::<()>();
        let (begin, begun) = mpsc::channel();
        let owned = pool.clone();
        let mut job = async move {
            let work = move |_: &mut HashMemory| {
                begin.send(()).unwrap();
                released.recv().unwrap();
            };
            owned.run(work).await
        }
        .boxed();
        assert!((&mut job).now_or_never().is_none());
        begun.recv_timeout(DEADLINE).expect("the job begins");
        (release, job)
    }

    #[tokio::test]
    async fn a_pool_starts_threads_when_they_are_needed() {
        let pool = HashPool::new(3, 0);
        assert_eq!(started(&pool), 0);
        for _ in 0..200 {
            soon(pool.run(|_| ())).await.expect("the place of an answered job is free");
        }
        assert_eq!(started(&pool), 1, "one job at a time needs one thread");
    }

    #[tokio::test]
    async fn jobs_run_at_the_same_time_on_named_threads() {
        let pool = HashPool::new(3, 0);
        // Each waits for the two others.
        let gate = Arc::new(Barrier::new(3));
        let jobs = join_all((0..3).map(|value| submit(&pool, value, &gate)));
        assert_eq!(soon(jobs).await, [Ok(0), Ok(1), Ok(2)]);
        assert_eq!(started(&pool), 3);
        let name = soon(pool.run(|_| thread::current().name().map(str::to_owned))).await;
        assert_eq!(name.unwrap().as_deref(), Some("portcullis-hash"));
    }

    #[tokio::test]
    async fn a_pool_of_no_threads_has_one() {
        assert_eq!(soon(HashPool::new(0, 0).run(|_| 7)).await, Ok(7));
    }

    #[tokio::test]
    async fn a_full_pool_refuses_at_once_and_recovers() {
        let pool = HashPool::new(1, 2);
        let (release, running) = occupy(&pool);
        let open = Arc::new(Barrier::new(1));
        let waiting: Vec<_> = (0..2).map(|value| submit(&pool, value, &open)).collect();
        for _ in 0..100 {
            let refusal = pool.run(|_| ()).now_or_never().expect("a refusal does not wait").unwrap_err();
            assert_eq!(refusal.reason(), "the password hashing pool is full");
            let error = crate::Error::from(refusal);
            assert_eq!((error.status().as_u16(), error.retry_after()), (503, Some(Duration::from_secs(1))));
        }
        release.send(()).unwrap();
        assert_eq!(soon(running).await, Ok(()));
        assert_eq!(soon(join_all(waiting)).await, [Ok(0), Ok(1)]);
        assert_eq!(soon(pool.run(|_| 3)).await, Ok(3));
    }

    #[tokio::test]
    async fn a_job_whose_caller_has_gone_is_skipped_and_makes_room() {
        let pool = HashPool::new(1, 1);
        let (release, running) = occupy(&pool);
        let runs = Arc::new(AtomicUsize::new(0));
        for round in 0..10 {
            let counter = Arc::clone(&runs);
            let mut gone = pool.run(move |_| counter.fetch_add(1, Ordering::SeqCst)).boxed();
            assert!((&mut gone).now_or_never().is_none(), "round {round} finds room");
        }
        assert_eq!(Arc::strong_count(&runs), 2, "only the last one is still in the line");
        release.send(()).unwrap();
        assert_eq!(soon(running).await, Ok(()));
        soon(pool.run(|_| ())).await.unwrap();
        assert_eq!(runs.load(Ordering::SeqCst), 0);
    }

    #[tokio::test]
    async fn a_panic_is_an_outage_and_its_thread_lives_on() {
        let pool = HashPool::new(1, 0);
        let thread = soon(pool.run(|_| thread::current().id())).await.unwrap();
        for _ in 0..20 {
            let panicked: Result<(), _> = soon(pool.run(|_| panic!("a test panics in a hasher"))).await;
            assert_eq!(panicked.unwrap_err().reason(), "a password hasher panicked");
        }
        assert_eq!(soon(pool.run(|_| thread::current().id())).await, Ok(thread));
        assert_eq!(started(&pool), 1);
    }

    #[tokio::test]
    async fn threads_end_with_the_last_handle() {
        let pool = HashPool::new(2, 0);
        let gate = Arc::new(Barrier::new(2));
        soon(join_all((0..2).map(|value| submit(&pool, value, &gate)))).await;
        let shared: Weak<Shared> = Arc::downgrade(&pool.owner.0);
        let second = pool.clone();
        drop(pool);
        assert_eq!(soon(second.run(|_| 1)).await, Ok(1), "a handle is left");
        drop(second);
        let begin = Instant::now();
        while shared.strong_count() > 0 {
            assert!(begin.elapsed() < DEADLINE, "threads are left");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    #[cfg(feature = "argon2")]
    #[tokio::test]
    async fn each_thread_allocates_once_and_keeps_its_memory() {
        let pool = HashPool::new(2, 100);
        let allocations = Arc::new(AtomicUsize::new(0));
        // Each job waits for another, so that both threads always have a part.
        let gate = Arc::new(Barrier::new(2));
        let jobs = (0..50).map(|_| {
            let (allocations, gate) = (Arc::clone(&allocations), Arc::clone(&gate));
            pool.run(move |memory| {
                gate.wait();
                if memory.kept_bytes() == 0 {
                    allocations.fetch_add(1, Ordering::SeqCst);
                }
                let address = memory.blocks(1024).unwrap().as_ptr().addr();
                assert_eq!(memory.kept_bytes(), 1 << 20);
                memory.blocks(8).unwrap();
                assert_eq!(memory.kept_bytes(), 1 << 20, "less is part of what is kept");
                (thread::current().id(), address)
            })
        });
        let seen: HashSet<_> = soon(join_all(jobs)).await.into_iter().map(Result::unwrap).collect();
        assert_eq!(seen.len(), 2, "one buffer for each thread");
        assert_eq!(allocations.load(Ordering::SeqCst), 2);
    }

    #[cfg(feature = "argon2")]
    #[tokio::test]
    async fn an_idle_thread_wipes_the_memory_that_it_keeps() {
        let pool = HashPool::new(1, 2);
        let fill = |memory: &mut HashMemory| {
            memory.blocks(64).unwrap().iter_mut().for_each(|block| block.as_mut().fill(u64::MAX));
        };
        let is_wiped = |memory: &mut HashMemory| {
            let wiped = memory.blocks.iter().all(|block| block.as_ref().iter().all(|word| *word == 0));
            (memory.kept_bytes(), wiped)
        };
        // Both stand in the line before the first of them runs, so that the thread is never idle between them.
        let (release, running) = occupy(&pool);
        let mut filled = pool.run(fill).boxed();
        let mut looked = pool.run(is_wiped).boxed();
        assert!((&mut filled).now_or_never().is_none() && (&mut looked).now_or_never().is_none());
        release.send(()).unwrap();
        soon(running).await.unwrap();
        soon(filled).await.unwrap();
        assert_eq!(soon(looked).await, Ok((65_536, false)), "not between two hashes");
        let begin = Instant::now();
        while soon(pool.run(is_wiped)).await != Ok((65_536, true)) {
            assert!(begin.elapsed() < DEADLINE, "never wiped");
            tokio::time::sleep(IDLE_BEFORE_WIPE * 2).await;
        }
    }

    #[cfg(feature = "argon2")]
    #[tokio::test]
    async fn memory_that_a_panic_left_is_not_kept() {
        let pool = HashPool::new(1, 0);
        let panicked: Result<(), _> = soon(pool.run(|memory| {
            memory.blocks(64).unwrap();
            panic!("a test panics in a hasher");
        }))
        .await;
        assert!(panicked.is_err());
        assert_eq!(soon(pool.run(|memory| memory.kept_bytes())).await, Ok(0));
    }

    #[cfg(feature = "argon2")]
    #[test]
    fn memory_that_cannot_be_had_is_an_outage() {
        let mut memory = HashMemory::default();
        assert!(matches!(memory.blocks(usize::MAX / 4096), Err(PasswordHashError::Failed(_))));
        assert_eq!(memory.kept_bytes(), 0);
        assert!(memory.blocks(8).is_ok());
    }
}
