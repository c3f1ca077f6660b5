//! The state of the pool: users, sign-ins in progress, and sessions.

use std::collections::BTreeMap;
use std::time::SystemTime;

use super::grants::{Grants, TokenPolicy};
use crate::auth::error::{ProviderError, ProviderErrorKind};
use crate::auth::provider::challenge::{Answer, Challenge, OpenChallenge};
use crate::auth::provider::{Attributes, SignInReply, SignInRequest};
use crate::auth::secret::{Code, Continuation, Password, RefreshToken};
use crate::auth::tokens::IssuedTokens;
use crate::auth::user::{AuthFlowType, AuthUser, SignInDetails};

/// A challenge that follows the password at each sign-in.
///
/// ```
/// use typed_hub::auth::{MemoryChallenge, MemoryProvider};
///
/// let pool = MemoryProvider::new();
/// pool.add_user("ada", "correct horse", [MemoryChallenge::Totp("123456".into())]);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MemoryChallenge {
    /// The code of an authenticator application, which is always the same.
    Totp(Code),
    /// A code sent by email, which is always the same.
    Email(Code),
    /// A new password. Asked for once.
    NewPassword,
}

#[derive(Default)]
pub(super) struct Pool {
    users: BTreeMap<String, User>,
    sign_ins: Vec<SignIn>,
    pub(super) grants: Grants,
    #[cfg(feature = "redirect")]
    pub(super) pending_codes: Vec<super::redirect::PendingCode>,
    /// A counter for user ids and codes.
    created: u64,
}

struct User {
    id: String,
    password: Password,
    challenges: Vec<MemoryChallenge>,
    /// The code that confirms the sign-up, until then.
    unconfirmed: Option<Code>,
    /// The code that replaces a forgotten password, if requested.
    reset: Option<Code>,
}

/// A sign-in that waits for an answer.
struct SignIn {
    continuation: Continuation,
    flow: AuthFlowType,
    /// The remaining challenges, the open one first.
    remaining: Vec<MemoryChallenge>,
}

impl Pool {
    pub(super) fn add_user(
        &mut self,
        username: &str,
        password: Password,
        challenges: Vec<MemoryChallenge>,
    ) {
        let id = format!("user-{:04}", self.next());
        self.users.insert(
            username.to_owned(),
            User {
                id,
                password,
                challenges,
                unconfirmed: None,
                reset: None,
            },
        );
    }

    pub(super) fn sign_up(
        &mut self,
        username: &str,
        password: &Password,
        _: &Attributes,
    ) -> Result<(), ProviderError> {
        if self.users.contains_key(username) {
            return Err(rejected(
                "UsernameExistsException",
                "there is a user of this name",
            ));
        }
        self.add_user(username, password.clone(), Vec::new());
        let code = self.code();
        self.user(username)?.unconfirmed = Some(code);
        Ok(())
    }

    pub(super) fn resend(&mut self, username: &str) -> Result<(), ProviderError> {
        let code = self.code();
        match &mut self.user(username)?.unconfirmed {
            None => Err(not_authorized("this user is confirmed already")),
            Some(sent) => {
                *sent = code;
                Ok(())
            }
        }
    }

    pub(super) fn reset_password(&mut self, username: &str) -> Result<(), ProviderError> {
        let code = self.code();
        self.user(username)?.reset = Some(code);
        Ok(())
    }

    pub(super) fn reset_code(&self, username: &str) -> Option<Code> {
        self.users.get(username)?.reset.clone()
    }

    pub(super) fn confirm_reset(
        &mut self,
        username: &str,
        code: &Code,
        password: &Password,
    ) -> Result<(), ProviderError> {
        let user = self.user(username)?;
        if user.reset.as_ref() != Some(code) {
            return Err(wrong_code());
        }
        user.reset = None;
        user.password = password.clone();
        Ok(())
    }

    pub(super) fn confirmation_code(&self, username: &str) -> Option<Code> {
        self.users.get(username)?.unconfirmed.clone()
    }

    pub(super) fn confirm(&mut self, username: &str, code: &Code) -> Result<(), ProviderError> {
        let user = self.user(username)?;
        match &user.unconfirmed {
            None => Err(not_authorized("this user is confirmed already")),
            Some(sent) if sent != code => Err(wrong_code()),
            Some(_) => {
                user.unconfirmed = None;
                Ok(())
            }
        }
    }

    pub(super) fn sign_in(
        &mut self,
        request: &SignInRequest,
        policy: TokenPolicy,
        now: SystemTime,
    ) -> Result<SignInReply, ProviderError> {
        let username = &request.username;
        let user = self.user(username)?;
        if request.password.as_ref() != Some(&user.password) {
            return Err(not_authorized("the user name or the password is wrong"));
        }
        if user.unconfirmed.is_some() {
            return Ok(SignInReply::Challenged(OpenChallenge {
                username: username.to_owned(),
                challenge: Challenge::ConfirmSignUp,
                continuation: Continuation::from(""),
            }));
        }
        let remaining = user.challenges.clone();
        let flow = request.auth_flow.unwrap_or(AuthFlowType::UserPassword);
        self.next_challenge(username, flow, remaining, policy, now)
    }

    pub(super) fn answer(
        &mut self,
        open: &OpenChallenge,
        answer: &Answer,
        policy: TokenPolicy,
        now: SystemTime,
    ) -> Result<SignInReply, ProviderError> {
        let position = self
            .sign_ins
            .iter()
            .position(|sign_in| sign_in.continuation == open.continuation)
            .ok_or_else(|| not_authorized("this sign-in is not under way"))?;
        match (&self.sign_ins[position].remaining[0], answer) {
            (MemoryChallenge::Totp(code) | MemoryChallenge::Email(code), Answer::Code(answer))
                if code == answer => {}
            (MemoryChallenge::NewPassword, Answer::NewPassword { password, .. }) => {
                let password = password.clone();
                let user = self.user(&open.username)?;
                user.password = password;
                user.challenges
                    .retain(|challenge| *challenge != MemoryChallenge::NewPassword);
            }
            _ => return Err(wrong_code()),
        }
        let mut sign_in = self.sign_ins.remove(position);
        sign_in.remaining.remove(0);
        let SignIn {
            flow, remaining, ..
        } = sign_in;
        self.next_challenge(&open.username, flow, remaining, policy, now)
    }

    pub(super) fn refresh(
        &mut self,
        token: &RefreshToken,
        policy: TokenPolicy,
        now: SystemTime,
    ) -> Result<IssuedTokens, ProviderError> {
        let users = &self.users;
        let is_user = |username: &str| users.contains_key(username);
        self.grants.refresh(token, is_user, policy, now)
    }

    pub(super) fn remove_user(&mut self, username: &str) {
        self.users.remove(username);
        self.grants.revoke_all(username); // a later user of this name is a different one
    }

    /// Opens the next challenge, or grants a session.
    fn next_challenge(
        &mut self,
        username: &str,
        flow: AuthFlowType,
        remaining: Vec<MemoryChallenge>,
        policy: TokenPolicy,
        now: SystemTime,
    ) -> Result<SignInReply, ProviderError> {
        if let Some(next) = remaining.first() {
            let challenge = match next {
                MemoryChallenge::Totp(_) => Challenge::TotpCode,
                MemoryChallenge::Email(_) => Challenge::EmailCode { destination: None },
                MemoryChallenge::NewPassword => Challenge::NewPassword {
                    missing_attributes: Vec::new(),
                },
            };
            let continuation = Continuation::from(self.grants.secret("continuation"));
            self.sign_ins.push(SignIn {
                continuation: continuation.clone(),
                flow,
                remaining,
            });
            return Ok(SignInReply::Challenged(OpenChallenge {
                username: username.to_owned(),
                challenge,
                continuation,
            }));
        }
        let user = AuthUser::new(username, &self.user(username)?.id);
        let user = user.with_sign_in_details(SignInDetails {
            login_id: username.to_owned(),
            auth_flow_type: flow,
        });
        let tokens = self.grants.grant(username, policy, now);
        Ok(SignInReply::SignedIn { user, tokens })
    }

    fn user(&mut self, username: &str) -> Result<&mut User, ProviderError> {
        self.users
            .get_mut(username)
            .ok_or_else(|| rejected("UserNotFoundException", "there is no user of this name"))
    }

    fn code(&mut self) -> Code {
        Code::from(format!("{:06}", 314_159 + self.next()))
    }

    const fn next(&mut self) -> u64 {
        self.created += 1;
        self.created
    }
}

pub(super) fn rejected(name: &str, message: &str) -> ProviderError {
    ProviderError::new(ProviderErrorKind::Rejected, name, message)
}

pub(super) fn not_authorized(message: &str) -> ProviderError {
    ProviderError::new(
        ProviderErrorKind::NotAuthorized,
        "NotAuthorizedException",
        message,
    )
}

fn wrong_code() -> ProviderError {
    rejected("CodeMismatchException", "the code or the answer is wrong")
}
