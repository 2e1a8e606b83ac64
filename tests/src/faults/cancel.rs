//! Acts that are dropped half-way, as hyper drops a handler when its client goes away.

use std::future::poll_fn;
use std::task::Poll;
use std::time::{Duration, Instant};

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use portcullis::{Digest, UserId};
use tokio::time::{sleep, timeout};

use super::act::{Answer, Login, Trouble, Visitor};
use super::door::Door;
use super::load::alive_tasks;
use super::world::World;
use crate::replay::Problem;

/// How long a statement that was under way may take to end after its caller is gone.
const SETTLES: Duration = Duration::from_millis(30);
/// By when whatever was under way has ended: the time-out of the stores.
const LATEST: Duration = Duration::from_millis(600);
/// How many times in a row an act has to end before it is dropped, to have been dropped everywhere.
const ENOUGH: usize = 2;
const NEW_PASSWORD: &str = "another horse battery";

/// Something that somebody does, which has happened wholly or not at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// A login: afterwards there is one session, or none.
    LogIn,
    /// A login over a session of the same user: there is one session, the old or the new one.
    LogInAgain,
    /// A logout: the session is good, or it has ended.
    LogOut,
    /// An exchange of a refresh token: the login has one live token, the old or the new one.
    Rotate,
    /// The logout of a pair.
    EndPair,
    /// A save of session data: both copies are the old ones or the new ones.
    Save,
    /// The issue of an opaque token.
    Issue,
    /// The revocation of one.
    Revoke,
    /// A change of the password: the old one is good and so are all sessions, or the new one is and the others have ended.
    Password,
}

/// When an act that was polled often enough is dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// At once: what it waits for is under way.
    AtOnce,
    /// When it would be polled again: what it waits for is done.
    WhenWoken,
}

impl Moment {
    /// What was waited for is under way yet, or is done.
    const fn settles(self) -> Duration {
        match self {
            Self::AtOnce => SETTLES,
            Self::WhenWoken => Duration::from_millis(2),
        }
    }
}

/// How many acts were dropped, and how many of them had happened.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Dropped {
    /// How many were dropped.
    pub dropped: usize,
    /// How many of those had happened.
    pub happened: usize,
}

/// Somebody, and what an act starts from.
struct Scene {
    world: World,
    visitor: Visitor,
    user: UserId,
    login: Option<Login>,
    other: Option<Login>,
    token: String,
    refresh: String,
    live: Option<Digest>,
}

impl Act {
    /// All there are.
    pub const ALL: [Self; 9] = [
        Self::LogIn,
        Self::LogInAgain,
        Self::LogOut,
        Self::Rotate,
        Self::EndPair,
        Self::Save,
        Self::Issue,
        Self::Revoke,
        Self::Password,
    ];

    /// What it is called in a table.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::LogIn => "login",
            Self::LogInAgain => "login over a session",
            Self::LogOut => "logout",
            Self::Rotate => "rotation",
            Self::EndPair => "logout of a pair",
            Self::Save => "save",
            Self::Issue => "issue of a token",
            Self::Revoke => "revocation of a token",
            Self::Password => "change of a password",
        }
    }

    /// Does it once for each point where it waits, and drops it there; tells how many points there were.
    ///
    /// # Errors
    ///
    /// When it was done by half, came undone, or could not be done afterwards.
    pub async fn drop_everywhere(self, world: &World, moment: Moment) -> Result<Dropped, Problem> {
        let (mut total, mut completed) = (Dropped::default(), 0);
        // A store that opens a connection anew waits more often than one that has it.
        for polls in 0.. {
            let scene = self.prepare(world, &format!("{self:?}-{moment:?}-{polls}")).await?;
            let tasks = alive_tasks();
            if let Some(answer) = after_polls(self.begin(&scene), polls, moment).await {
                answer.map_err(|trouble| self.problem(&format!("{trouble:?}")))?;
                if !self.has_happened(&scene).await? {
                    return Err(self.problem("it was acknowledged and has not happened"));
                }
                completed += 1;
                if completed == ENOUGH {
                    break;
                }
            } else {
                completed = 0;
                total.add(self.settle(&scene, tasks, moment.settles()).await?);
            }
        }
        Ok(total)
    }

    /// Does it so many times, and drops it after up to so long, a little later each time.
    ///
    /// # Errors
    ///
    /// As [`drop_everywhere`](Self::drop_everywhere).
    pub async fn drop_in_time(
        self,
        world: &World,
        times: u32,
        longest: Duration,
    ) -> Result<Dropped, Problem> {
        let mut total = Dropped::default();
        for time in 0..times {
            let scene = self.prepare(world, &format!("{self:?}-time-{time}")).await?;
            let tasks = alive_tasks();
            match timeout(longest * time / times, self.begin(&scene)).await {
                Ok(answer) => answer.map_err(|trouble| self.problem(&format!("{trouble:?}")))?,
                Err(_) => total.add(self.settle(&scene, tasks, SETTLES).await?),
            }
        }
        Ok(total)
    }

    /// Looks at what was left behind until it is still, and does it if it has not happened: no lock may be left either.
    async fn settle(self, scene: &Scene, tasks: usize, settles: Duration) -> Result<bool, Problem> {
        // To look takes several steps, between which a statement that is under way may end: half is no answer yet.
        let at_once = self.has_happened(scene).await.unwrap_or(false);
        // Where there is one writer, this waits for its turn.
        let _ = scene.world.tokens.purge(1).await?;
        let began = Instant::now();
        sleep(settles).await;
        while began.elapsed() < LATEST && (alive_tasks() > tasks || self.has_happened(scene).await.is_err()) {
            sleep(SETTLES).await;
        }
        let happened = self.has_happened(scene).await?;
        if at_once && !happened {
            return Err(self.problem("it came undone"));
        }
        if !happened {
            let again = self.begin(scene).await;
            again.map_err(|trouble| self.problem(&format!("not the next time: {trouble:?}")))?;
            let is_done = self.has_happened(scene).await;
            if !is_done.map_err(|half| Problem::new(format!("the next time: {half}")))? {
                return Err(self.problem("it did not happen the next time"));
            }
        }
        self.is_over(scene).await?;
        Ok(happened)
    }

    async fn prepare(self, world: &World, name: &str) -> Result<Scene, Problem> {
        let user = world.somebody(name).await?;
        let visitor = Visitor::new(&Door::Here(world.app.clone()), name);
        let login = match self {
            Self::LogInAgain | Self::LogOut | Self::Save | Self::Password => {
                Some(needed(visitor.log_in().await)?)
            }
            _ => None,
        };
        let other = if self == Self::Password { Some(needed(visitor.log_in().await)?) } else { None };
        if let (Self::Save, Some(login)) = (self, &login) {
            needed(visitor.note(login, "old").await)?;
        }
        let token = if self == Self::Revoke { needed(visitor.issue().await)? } else { String::new() };
        let refresh = match self {
            Self::Rotate | Self::EndPair => needed(visitor.pair().await)?.1,
            _ => String::new(),
        };
        let live = world.jwt.list(&user).await?.first().map(|record| record.id);
        Ok(Scene { world: world.clone(), visitor, user, login, other, token, refresh, live })
    }

    /// The act itself, not begun.
    fn begin(self, scene: &Scene) -> BoxFuture<'_, Answer<()>> {
        let Scene { visitor, login, token, refresh, .. } = scene;
        async move {
            match (self, login) {
                (Self::LogIn, _) => visitor.send_log_in(None).await,
                (Self::LogInAgain, login) => visitor.send_log_in(login.as_ref()).await,
                (Self::LogOut, Some(login)) => visitor.log_out(login).await,
                (Self::Save, Some(login)) => visitor.note(login, "new").await,
                (Self::Password, Some(login)) => visitor.change_password(login, NEW_PASSWORD).await,
                (Self::LogOut | Self::Save | Self::Password, None) => {
                    Err(Trouble::Wrong("nobody is logged in".to_owned()))
                }
                (Self::Rotate, _) => visitor.refresh(refresh).await.map(drop),
                (Self::EndPair, _) => visitor.end(refresh).await,
                (Self::Issue, _) => visitor.issue().await.map(drop),
                (Self::Revoke, _) => visitor.revoke(token).await,
            }
        }
        .boxed()
    }

    /// Tells whether it has happened; an error where it has by half.
    async fn has_happened(self, scene: &Scene) -> Result<bool, Problem> {
        let Scene { world, visitor, user, login, token, .. } = scene;
        let sessions = world.sessions.list(user).await?.len();
        let live: Vec<_> = world.jwt.list(user).await?.iter().map(|record| record.id).collect();
        let tokens = world.tokens.list(user).await?.len();
        let is_good = async |login: &Option<Login>| match login {
            Some(login) => is_known(visitor, &login.credential()).await,
            None => Ok(false),
        };
        let seen = match self {
            Self::LogIn => (sessions, 1, 0),
            Self::LogInAgain => (usize::from(is_good(login).await?) + 2 * sessions, 2, 3),
            Self::LogOut => (usize::from(is_good(login).await?) + 2 * sessions, 0, 3),
            Self::Rotate if live.len() == 1 => (usize::from(live.first() != scene.live.as_ref()), 1, 0),
            Self::Rotate => (usize::MAX, 1, 0),
            Self::EndPair => (live.len(), 0, 1),
            Self::Save => match login {
                Some(login) => (note(&needed(visitor.read_note(login).await)?), 1, 0),
                None => (usize::MAX, 1, 0),
            },
            Self::Issue => (tokens, 1, 0),
            Self::Revoke => {
                (usize::from(is_known(visitor, &format!("Token {token}")).await?) + 2 * tokens, 0, 3)
            }
            Self::Password => (self.password(scene, is_good(&scene.other).await?).await?, 1, 0),
        };
        match seen {
            (found, after, _) if found == after => Ok(true),
            (found, _, before) if found == before => Ok(false),
            (found, ..) => Err(self.problem(&format!("it is done by half ({found})"))),
        }
    }

    /// 0 where all is as before the change of the password, 1 as after, else something else.
    async fn password(self, scene: &Scene, other_is_good: bool) -> Result<usize, Problem> {
        let old = scene.visitor.issue().await.is_ok();
        let new = scene.visitor.with_password(NEW_PASSWORD).issue().await.is_ok();
        Ok(match (old, new, other_is_good) {
            (true, false, true) => 0,
            (false, true, false) => 1,
            _ => usize::MAX,
        })
    }

    /// What cannot be looked at without changing it: a token that was exchanged is refused, and ends the login.
    async fn is_over(self, scene: &Scene) -> Result<(), Problem> {
        if self != Self::Rotate {
            return Ok(());
        }
        match scene.visitor.refresh(&scene.refresh).await {
            Err(Trouble::Refused(_)) if scene.world.jwt.list(&scene.user).await?.is_empty() => Ok(()),
            other => Err(self.problem(&format!("a replay: {other:?}"))),
        }
    }

    fn problem(self, what: &str) -> Problem {
        Problem::new(format!("{self:?}: {what}"))
    }
}

impl Dropped {
    fn add(&mut self, happened: bool) {
        self.dropped += 1;
        self.happened += usize::from(happened);
    }
}

/// Polls so many times and drops; `None` where that was too early.
async fn after_polls<T>(mut act: BoxFuture<'_, T>, most: usize, moment: Moment) -> Option<T> {
    let mut polls = 0;
    poll_fn(|context| {
        if polls == most && (moment == Moment::WhenWoken || most == 0) {
            return Poll::Ready(None);
        }
        polls += 1;
        match act.as_mut().poll(context) {
            Poll::Ready(answer) => Poll::Ready(Some(answer)),
            Poll::Pending if polls == most && moment == Moment::AtOnce => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}

async fn is_known(visitor: &Visitor, credential: &str) -> Result<bool, Problem> {
    match visitor.ask("/closed", credential).await {
        Ok(name) if name == visitor.name() => Ok(true),
        Err(Trouble::Refused(_)) => Ok(false),
        other => Err(Problem::new(format!("{other:?}"))),
    }
}

/// 0 for both old, 1 for both new.
fn note(text: &str) -> usize {
    match text {
        "old old" => 0,
        "new new" => 1,
        _ => usize::MAX,
    }
}

fn needed<T>(answer: Answer<T>) -> Result<T, Problem> {
    answer.map_err(|trouble| Problem::new(format!("{trouble:?}")))
}
