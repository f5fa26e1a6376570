//! The link: a change is written down, then the kernel and the names follow.
//!
//! The order is what makes it sound. A request changes the world in memory and in the journal; the journal is synced;
//! the kernel is brought to the new plan; the names flip; then the request is answered. So what was answered
//! survives a crash, a private name never leads where no path is, and who asks right after an answer finds it true.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode};
use kura_aws_api::{Api, Settings};
use kura_model::plan::{NamespaceName, Plan};
use kura_model::{AccountId, Cloud, Health, InstanceId, InstanceState, State, host_label, plan, trace};
use kura_netns::{Changes, Fabric, Program};
use parking_lot::{Mutex, RwLock};
use tokio::sync::Notify;

use crate::commands::status;
use crate::commands::trace::told;
use crate::control::{Answer, Inside, Request as Question};
use crate::dns::Resolvers;
use crate::flow_log::FlowLog;
use crate::keys::{FIRST_ACCOUNT, Keys};
use crate::world::{World, open_account};
use crate::{publish, rim, user_data};

/// What the daemon was told.
pub struct Options {
    pub state_dir: PathBuf,
    pub listen: SocketAddr,
    pub region: String,
    pub accept_any_key: bool,
    pub upstream: kura_dns::Upstream,
}

/// Everything that runs on one state directory.
pub struct Link {
    options: Options,
    world: Mutex<World>,
    keys: Mutex<Keys>,
    api: RwLock<Api>,
    kernel: Mutex<Kernel>,
    health: Mutex<Health>,
    resolvers: Resolvers,
    /// Told to stop.
    pub stop: Notify,
    /// Told that everything in the kernel is gone.
    pub gone: Arc<Notify>,
}

/// The kernel, and what it is brought to.
struct Kernel {
    fabric: Fabric,
    plan: Plan,
    /// Why the kernel is not what the plan says, if it is not.
    trouble: Option<String>,
    /// Whether user data may be started: it asks this daemon where its instance is.
    answers: bool,
    /// Instances whose user data was started, or needs no start.
    launched: BTreeSet<InstanceId>,
    flows: FlowLog,
}

impl Link {
    /// Opens a state directory, adopts or makes what must stand, and answers names. Needs a tokio runtime.
    ///
    /// # Errors
    /// What kept it from starting, naming the thing.
    pub fn open(options: Options) -> Result<Arc<Self>> {
        let dir = options.state_dir.clone();
        let mut world = World::open(&dir, &options.region)?;
        let keys = Keys::open(&dir).context("cannot open the access keys")?;
        for account in keys.accounts() {
            world.together(|cloud| open_account(cloud, &account))?;
        }
        for stack in kura_cloudformation::recover(&mut world)? {
            tracing::warn!(%stack, "a stack that a crash interrupted was rolled back");
        }
        world.sync()?;
        let launched = launched(world.state(), &dir);
        let fabric = Fabric::open(&dir, Program::current()?)?;
        let resolvers = Resolvers::new(options.upstream.clone());
        let kernel = Kernel {
            fabric,
            plan: Plan::default(),
            trouble: None,
            answers: false,
            launched,
            flows: FlowLog::default(),
        };
        let api = RwLock::new(api(&options, &keys));
        keys.write_environment(options.listen, &options.region)?;
        let link = Arc::new(Self {
            options,
            world: Mutex::new(world),
            keys: Mutex::new(keys),
            api,
            kernel: Mutex::new(kernel),
            health: Mutex::new(Health::default()),
            resolvers,
            stop: Notify::new(),
            gone: Arc::default(),
        });
        watch_anchor(&link.kernel.lock().fabric, &link.gone)?;
        link.settle(&link.world.lock())?;
        Ok(link)
    }

    /// The state directory.
    pub fn dir(&self) -> &Path {
        &self.options.state_dir
    }

    /// Answers a request to the wire API.
    pub fn api(&self, request: Request<Bytes>) -> Response<Bytes> {
        let mut world = self.world.lock();
        let before = world.version();
        let health = self.health.lock().clone();
        let response = self.api.read().answer(request, &mut *world, &health);
        if let Err(error) = world.sync() {
            tracing::error!(%error, "a change could not be written down, and was not made");
            return unwritten(&error);
        }
        if world.version() == before {
            return response;
        }
        // The request stands as it was answered; what the kernel refused is tried again, and shown by `status`.
        let _ = self.settle(&world);
        response
    }

    /// The command line is answered from now on: user data that a crash kept from running is started.
    pub fn launch(&self) {
        let world = self.world.lock();
        let mut kernel = self.kernel.lock();
        kernel.answers = true;
        kernel.launch(world.state(), self.dir(), !self.options.accept_any_key);
    }

    /// Brings the kernel and the names to what the world says.
    fn settle(&self, world: &World) -> Result<()> {
        let state = world.state();
        let plan = plan(state, &self.health.lock());
        let mut kernel = self.kernel.lock();
        let since = Instant::now();
        let brought = self.reopen(&mut kernel).and_then(|()| kernel.bring(plan, &self.resolvers));
        let trouble = match &brought {
            Ok(Brought { changes, trouble }) => {
                tracing::debug!(
                    ?changes,
                    ms = since.elapsed().as_millis(),
                    "the kernel was brought to the plan"
                );
                kernel.launch(state, self.dir(), !self.options.accept_any_key);
                trouble.clone()
            }
            Err(error) => Some(format!("{error:#}")),
        };
        kernel.now_has(trouble);
        brought.map(drop)
    }

    /// Where the anchor was killed, everything is gone: begins anew with another.
    fn reopen(&self, kernel: &mut Kernel) -> Result<()> {
        if !kernel.fabric.is_gone() {
            return Ok(());
        }
        tracing::error!("the anchor has ended, and every namespace with it; all of it is made anew");
        self.resolvers.forget();
        kernel.plan = Plan::default();
        kernel.fabric = Fabric::open(self.dir(), Program::current()?)?;
        watch_anchor(&kernel.fabric, &self.gone)
    }

    /// Tries again what failed. To be called now and then. Says whether all is well.
    pub fn retry(&self) -> bool {
        let kernel = self.kernel.lock();
        if kernel.trouble.is_none() && !kernel.fabric.is_gone() {
            return true;
        }
        drop(kernel);
        let _ = self.settle(&self.world.lock());
        self.kernel.lock().trouble.is_none()
    }

    /// Compares the kernel with what must stand and repairs it. To be called now and then.
    pub fn repair(&self) {
        // The plan is all it takes; requests that only read go on meanwhile.
        let mut kernel = self.kernel.lock();
        if kernel.fabric.is_gone() {
            return;
        }
        let Kernel { fabric, plan, .. } = &mut *kernel;
        // A resolver that ended is started again, too.
        let verified = partly(fabric.verify(plan)).and_then(|verified| {
            self.resolvers.bring(plan, fabric)?;
            Ok(verified)
        });
        let trouble = match verified {
            Ok(Brought { changes, trouble }) => {
                if changes != Changes::default() {
                    tracing::warn!(?changes, "something in the kernel was changed by others; it is repaired");
                }
                trouble
            }
            Err(error) => Some(format!("{error:#}")),
        };
        kernel.now_has(trouble);
    }

    /// Takes what passed since the last look into the flow log. To be called now and then.
    ///
    /// # Errors
    /// A namespace that cannot be read, unless it is known not to be as it must be.
    pub fn look_at_flows(&self) -> Result<()> {
        let state = self.world.lock().state().clone();
        let mut kernel = self.kernel.lock();
        let Kernel { fabric, flows, plan, trouble, .. } = &mut *kernel;
        let looked = flows.look(&state, plan, fabric, rim::now() / 1000);
        if trouble.is_some() { Ok(()) } else { looked }
    }

    /// What is known of targets' health has changed.
    pub fn set_health(&self, health: Health) {
        let world = self.world.lock();
        *self.health.lock() = health;
        let _ = self.settle(&world);
    }

    /// Looks at the state. Every request waits meanwhile, so it must be short.
    pub fn state<T>(&self, look: impl FnOnce(&State) -> T) -> T {
        look(self.world.lock().state())
    }

    /// A descriptor of a namespace. Requests are written down meanwhile, even if the anchor does not answer.
    pub fn namespace_fd(&self, namespace: &NamespaceName) -> Result<OwnedFd, kura_netns::Error> {
        self.kernel.lock().fabric.namespace_fd(namespace)
    }

    /// Answers the command line.
    ///
    /// # Errors
    /// What was wrong with the question.
    pub fn answer(&self, question: Question) -> Result<Answer> {
        match question {
            Question::Status => Ok(Answer::Status(Box::new(self.status()?))),
            Question::Publish(publication) if publication.private_list => {
                let world = self.world.lock();
                Ok(Answer::PrivateList(publish::private_list(world.state(), &publication.name)?))
            }
            Question::Publish(publication) => {
                let mut world = self.world.lock();
                let published = world.together(|cloud| publish::publish(cloud, &publication))?;
                // It is published; what the kernel refused is tried again, and shown by `status`.
                let _ = self.settle(&world);
                Ok(Answer::Published(published))
            }
            Question::Trace { from, name, port } => {
                let world = self.world.lock();
                let health = self.health.lock();
                let from = InstanceId::new(from);
                ensure!(
                    world.state().instances.contains_key(&from),
                    "The instance ID '{from}' does not exist"
                );
                let trace = trace(world.state(), &health, &from, &name, port);
                Ok(Answer::Trace(told(&trace)?))
            }
            Question::Flows => {
                self.look_at_flows()?;
                Ok(Answer::Flows(self.kernel.lock().flows.all()))
            }
            Question::Instance { id } => Ok(Answer::Instance(inside(self.world.lock().state(), &id)?)),
            Question::CreateKey { account } => {
                let account = AccountId::new(account.as_deref().unwrap_or(FIRST_ACCOUNT));
                let mut keys = self.keys.lock();
                let key = keys.create(&account)?;
                keys.write_environment(self.options.listen, &self.options.region)?;
                self.api.write().add_key(key.id.clone(), key.secret.clone(), account.clone());
                let mut world = self.world.lock();
                world.together(|cloud| open_account(cloud, &account))?;
                let _ = self.settle(&world);
                Ok(Answer::Key(key))
            }
            Question::Keys => {
                let keys = self.keys.lock();
                let shown = keys.all().iter().map(|key| (key.account.to_string(), key.id.clone()));
                Ok(Answer::Keys(shown.collect()))
            }
            Question::Stop => {
                self.stop.notify_one();
                Ok(Answer::Stopping)
            }
        }
    }

    fn status(&self) -> Result<status::Report> {
        let world = self.world.lock();
        let health = self.health.lock();
        let mut kernel = self.kernel.lock();
        let trouble = kernel.trouble.clone();
        let Kernel { fabric, plan, .. } = &mut *kernel;
        status::collect(world.state(), &health, plan, fabric, trouble)
    }
}

/// Tells `gone` when a fabric's anchor has ended.
fn watch_anchor(fabric: &Fabric, gone: &Arc<Notify>) -> Result<()> {
    let hangup = fabric.hangup().try_clone_to_owned()?;
    let gone = Arc::clone(gone);
    std::thread::Builder::new().name("anchor watch".to_owned()).spawn(move || {
        kura_netns::wait_for_hangup(hangup);
        gone.notify_one();
    })?;
    Ok(())
}

/// How far the kernel was brought to a plan.
struct Brought {
    changes: Changes,
    /// What failed in some namespaces, which does not keep the others from the plan.
    trouble: Option<String>,
}

/// A failure of some namespaces is no failure of the whole.
fn partly(result: Result<Changes, kura_netns::Error>) -> Result<Brought> {
    match result {
        Ok(changes) => Ok(Brought { changes, trouble: None }),
        Err(error @ kura_netns::Error::Partly(_)) => {
            Ok(Brought { changes: Changes::default(), trouble: Some(error.to_string()) })
        }
        Err(error) => Err(error.into()),
    }
}

impl Kernel {
    /// Kernel first, names after: a name never leads where no path is.
    fn bring(&mut self, plan: Plan, resolvers: &Resolvers) -> Result<Brought> {
        // What is compared with the kernel from now on, however far this gets.
        self.plan = plan;
        // Names that go, go before what they lead to.
        resolvers.withdraw(&self.plan.names)?;
        let brought = partly(self.fabric.reconcile(&self.plan))?;
        resolvers.bring(&self.plan, &self.fabric)?;
        Ok(brought)
    }

    /// Takes what is amiss now, or that nothing is; the log tells when that changes.
    fn now_has(&mut self, trouble: Option<String>) {
        match &trouble {
            Some(error) if self.trouble != trouble => {
                tracing::error!(%error, "the kernel is not as it must be; it is tried again");
            }
            None if self.trouble.is_some() => tracing::info!("the kernel is as it must be again"),
            _ => {}
        }
        self.trouble = trouble;
    }

    /// Starts the user data of instances that were launched since, or says in their logs why not. One that has no
    /// network yet waits for it.
    fn launch(&mut self, state: &State, dir: &Path, may_run: bool) {
        if !self.answers {
            return;
        }
        let unfinished = self.fabric.unfinished();
        for (id, instance) in &state.instances {
            let namespace = instance.interface.as_ref().map(|id| NamespaceName(id.to_string()));
            let is_up = namespace.is_some_and(|namespace| !unfinished.contains(&namespace));
            if instance.state != InstanceState::Running || !is_up || !self.launched.insert(id.clone()) {
                continue;
            }
            let Some(script) = &instance.user_data else { continue };
            let started = if may_run {
                user_data::start(dir, id.as_str(), script)
            } else {
                user_data::refuse(dir, id.as_str(), "the daemon takes any key (--accept-any-key)")
            };
            if let Err(error) = started {
                tracing::error!(%id, %error, "user data could not be started");
            }
        }
        self.launched.retain(|id| state.instances.contains_key(id));
    }
}

/// The instances whose user data is not to be started any more. It is started at most once, as on AWS: its log is made
/// right before, and where a daemon ended before that, the next one starts it.
fn launched(state: &State, dir: &Path) -> BTreeSet<InstanceId> {
    let all = state.instances.iter();
    let done = all
        .filter(|(id, instance)| instance.user_data.is_none() || user_data::log(dir, id.as_str()).exists());
    done.map(|(id, _)| id.clone()).collect()
}

/// What running a command inside an instance takes.
fn inside(state: &State, id: &str) -> Result<Inside> {
    let instance =
        state.instances.get(id).with_context(|| format!("The instance ID '{id}' does not exist"))?;
    let interface = instance.interface.as_ref().and_then(|id| state.interfaces.get(id));
    let interface = interface.filter(|_| instance.state == InstanceState::Running);
    let interface = interface.with_context(|| format!("instance {id} does not run"))?;
    let vpc = state.vpcs.get(&instance.vpc).context("the instance's VPC is gone")?;
    Ok(Inside {
        id: id.to_owned(),
        namespace: NamespaceName(interface.id.to_string()),
        address: interface.address,
        host_name: host_label(interface.address),
        resolver: vpc.resolver(),
        search: state.host_domain(),
    })
}

/// In EC2's words, which every SDK reads whatever the service is.
fn unwritten(error: &impl std::fmt::Display) -> Response<Bytes> {
    let text = format!("the change could not be written down, and was not made: {error}");
    let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Response><Errors><Error><Code>InternalError</Code>\
         <Message>{text}</Message></Error></Errors><RequestID>{}</RequestID></Response>",
        rim::hex(32)
    );
    let mut response = Response::new(Bytes::from(body));
    *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
    response.headers_mut().insert(http::header::CONTENT_TYPE, HeaderValue::from_static("text/xml"));
    response
}

fn api(options: &Options, keys: &Keys) -> Api {
    let settings = Settings {
        region: options.region.clone(),
        listen: options.listen,
        accept_any_key: options.accept_any_key,
    };
    let keys = keys.all().iter().map(|key| (key.id.clone(), key.secret.clone(), key.account.clone()));
    Api::new(settings, kura_aws_api::Keys::new(keys))
}
