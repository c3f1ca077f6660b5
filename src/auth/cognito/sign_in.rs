//! Sign-in, step by step: by SRP, by password, by challenges.

use std::collections::HashMap;

use aws_cognito_srp::{SrpClient, User};
use aws_sdk_cognitoidentityprovider::types::{
    AuthFlowType as SdkFlow, AuthenticationResultType, ChallengeNameType,
    VerifySoftwareTokenResponseType,
};
use serde::{Deserialize, Serialize};

use super::CognitoProvider;
use super::challenge::{ChallengeState, can_set_up, name_of, to_challenge, to_responses};
use super::failure::{service_error, set_up_error, unanswerable, unreadable};
use super::tokens::read_tokens;
use crate::auth::error::{ProviderError, ProviderErrorKind};
use crate::auth::oauth::failure;
use crate::auth::provider::challenge::{Answer, Challenge, FirstFactor, MfaMethod, OpenChallenge};
use crate::auth::provider::{Attributes, SignInReply, SignInRequest};
use crate::auth::secret::{Code, Password};
use crate::auth::user::{AuthFlowType, SignInDetails};

/// What a sign-in keeps from its first request to its last.
#[derive(Clone, Deserialize, Serialize)]
pub(super) struct Begun {
    pub(super) login_id: String,
    flow: AuthFlowType,
    metadata: Attributes,
}

/// The service's reply to a step of a sign-in.
#[derive(Default)]
pub(super) struct Reply {
    result: Option<AuthenticationResultType>,
    name: Option<ChallengeNameType>,
    pub(super) session: Option<String>,
    pub(super) parameters: HashMap<String, String>,
    available: Vec<ChallengeNameType>,
}

impl CognitoProvider {
    pub(super) async fn initiate(
        &self,
        request: &SignInRequest,
    ) -> Result<SignInReply, ProviderError> {
        let (username, password) = (&*request.username, request.password.as_ref());
        let flow = request
            .auth_flow
            .unwrap_or_else(|| self.inner.flow.with_password(password.is_some()));
        if request.preferred_factor.is_some() && flow != AuthFlowType::User {
            let message = format!("the flow {flow} takes no preferred factor: choose USER_AUTH");
            return Err(failure::unsupported(&message));
        }
        let by_srp = matches!(flow, AuthFlowType::UserSrp | AuthFlowType::CustomWithSrp);
        let srp = password.filter(|_| by_srp);
        let srp = srp.map(|password| self.srp(username, password));
        let mut parameters = vec![("USERNAME", username.to_owned())];
        parameters.extend(
            srp.as_ref()
                .map(|srp| ("SRP_A", srp.get_auth_parameters().a)),
        );
        let sdk_flow = match (flow, password) {
            (AuthFlowType::UserSrp, Some(_)) => SdkFlow::UserSrpAuth,
            (AuthFlowType::UserPassword, Some(password)) => {
                parameters.push(("PASSWORD", password.expose().to_owned()));
                SdkFlow::UserPasswordAuth
            }
            (AuthFlowType::CustomWithSrp, Some(_)) => {
                parameters.push(("CHALLENGE_NAME", "SRP_A".to_owned()));
                SdkFlow::CustomAuth
            }
            (AuthFlowType::CustomWithoutSrp, _) => SdkFlow::CustomAuth,
            (AuthFlowType::User, password) => {
                parameters.extend(preference(request.preferred_factor, password)?);
                SdkFlow::UserAuth
            }
            (
                AuthFlowType::UserSrp | AuthFlowType::UserPassword | AuthFlowType::CustomWithSrp,
                None,
            ) => {
                let message = format!("the flow {flow} takes a password: choose another flow");
                return Err(failure::unsupported(&message));
            }
        };
        if let Some(hash) = self.secret_hash(username) {
            parameters.push(("SECRET_HASH", hash));
        }
        let begun = self
            .inner
            .client
            .initiate_auth()
            .auth_flow(sdk_flow)
            .client_id(&self.inner.client_id)
            .set_client_metadata(self.metadata(&request.client_metadata))
            .set_auth_parameters(Some(owned(parameters)))
            .send()
            .await;
        let reply = match begun {
            Ok(begun) => Reply {
                result: begun.authentication_result,
                name: begun.challenge_name,
                session: begun.session,
                parameters: begun.challenge_parameters.unwrap_or_default(),
                available: begun.available_challenges.unwrap_or_default(),
            },
            Err(error) => {
                return challenge_or_error(username, set_up_error(service_error(error)));
            }
        };
        let begun = Begun {
            login_id: username.to_owned(),
            flow,
            metadata: request.client_metadata.clone(),
        };
        self.next_step(begun, username.to_owned(), srp, reply).await
    }

    /// Proves the password if the service asks for that, and otherwise takes the next challenge.
    async fn next_step(
        &self,
        begun: Begun,
        known_as: String,
        srp: Option<SrpClient<User>>,
        reply: Reply,
    ) -> Result<SignInReply, ProviderError> {
        match (&reply.name, srp) {
            (Some(ChallengeNameType::PasswordVerifier), Some(srp)) => {
                self.prove_password(begun, &srp, reply).await
            }
            _ => self.next_challenge(begun, known_as, reply).await,
        }
    }

    pub(super) async fn answer_challenge(
        &self,
        open: &OpenChallenge,
        answer: &Answer,
    ) -> Result<SignInReply, ProviderError> {
        let mut state = ChallengeState::from_continuation(&open.continuation)
            .ok_or_else(|| unanswerable("this sign-in was begun by another provider"))?;
        let mut srp = None;
        let responses = match (&*state.name, answer) {
            ("SELECT_CHALLENGE", Answer::FirstFactor(FirstFactor::Password)) => {
                // For the service, choosing the password and sending it is one step.
                return Ok(SignInReply::Challenged(OpenChallenge {
                    challenge: Challenge::Password,
                    ..open.clone()
                }));
            }
            ("MFA_SETUP", Answer::Mfa(MfaMethod::Email)) => {
                return Ok(SignInReply::Challenged(OpenChallenge {
                    challenge: Challenge::SetUpEmail,
                    ..open.clone()
                }));
            }
            ("MFA_SETUP", Answer::Mfa(MfaMethod::Totp)) => {
                let challenge = self.set_up_totp(&mut state.session).await?;
                return Ok(SignInReply::Challenged(OpenChallenge {
                    challenge,
                    continuation: state.to_continuation(),
                    ..open.clone()
                }));
            }
            ("MFA_SETUP", Answer::Code(code)) => {
                state.session = self.verify_totp(state.session, code).await?;
                HashMap::new()
            }
            (name, Answer::Password(password)) if state.password_by_srp => {
                let client = self.srp(&state.username, password);
                let mut responses = owned([("SRP_A", client.get_auth_parameters().a)]);
                if name == "SELECT_CHALLENGE" {
                    responses.extend(owned([("ANSWER", "PASSWORD_SRP".to_owned())]));
                }
                srp = Some(client);
                responses
            }
            _ => to_responses(&state.name, answer)
                .ok_or_else(|| unanswerable("the service takes no such answer here"))?
                .into_iter()
                .collect(),
        };
        match self.respond(&state, responses).await {
            Ok(reply) => {
                self.next_step(state.begun, state.username, srp, reply)
                    .await
            }
            Err(error) => challenge_or_error(&open.username, error),
        }
    }

    /// Begins to set up an authenticator application.
    async fn set_up_totp(&self, session: &mut Option<String>) -> Result<Challenge, ProviderError> {
        let set_up = self
            .inner
            .client
            .associate_software_token()
            .set_session(session.take())
            .send()
            .await
            .map_err(service_error)?;
        *session = set_up.session;
        // Amazon Cognito API reference, `AssociateSoftwareToken`.
        let is_key =
            |key: &String| !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_alphanumeric());
        let key = set_up
            .secret_code
            .filter(is_key)
            .ok_or_else(|| unreadable("there is no key for an authenticator"))?;
        Ok(Challenge::SetUpTotp { key: key.into() })
    }

    /// Checks the first code of an authenticator application, and returns the session.
    async fn verify_totp(
        &self,
        session: Option<String>,
        code: &Code,
    ) -> Result<Option<String>, ProviderError> {
        let verified = self
            .inner
            .client
            .verify_software_token()
            .set_session(session)
            .user_code(code.expose())
            .send()
            .await
            .map_err(service_error)?;
        match verified.status {
            // A service of a later version may answer by another word.
            None | Some(VerifySoftwareTokenResponseType::Success) => Ok(verified.session),
            Some(_) => Err(ProviderError::new(
                ProviderErrorKind::Rejected,
                "SoftwareTokenNotVerified",
                "the code was not accepted: enter the one that the authenticator shows now",
            )),
        }
    }

    pub(super) async fn respond(
        &self,
        state: &ChallengeState,
        mut responses: HashMap<String, String>,
    ) -> Result<Reply, ProviderError> {
        responses.insert("USERNAME".to_owned(), state.username.clone());
        if let Some(hash) = self.secret_hash(&state.username) {
            responses.insert("SECRET_HASH".to_owned(), hash);
        }
        let reply = self
            .inner
            .client
            .respond_to_auth_challenge()
            .client_id(&self.inner.client_id)
            .challenge_name(ChallengeNameType::from(&*state.name))
            .set_client_metadata(self.metadata(&state.begun.metadata))
            .set_session(state.session.clone())
            .set_challenge_responses(Some(responses))
            .send()
            .await
            .map_err(service_error)?;
        Ok(Reply {
            result: reply.authentication_result,
            name: reply.challenge_name,
            session: reply.session,
            parameters: reply.challenge_parameters.unwrap_or_default(),
            available: reply.available_challenges.unwrap_or_default(),
        })
    }

    /// Returns the tokens or the next challenge. `known_as` is the service's name for the user.
    pub(super) async fn next_challenge(
        &self,
        begun: Begun,
        known_as: String,
        mut reply: Reply,
    ) -> Result<SignInReply, ProviderError> {
        if let Some(result) = reply.result {
            let (user, tokens) = read_tokens(result)?;
            let user = user.with_sign_in_details(SignInDetails {
                login_id: begun.login_id,
                auth_flow_type: begun.flow,
            });
            return Ok(SignInReply::SignedIn { user, tokens });
        }
        let name = reply
            .name
            .ok_or_else(|| unreadable("neither tokens nor a challenge"))?;
        let challenge = match &name {
            ChallengeNameType::MfaSetup => match can_set_up(&reply.parameters)?[..] {
                [MfaMethod::Totp] => self.set_up_totp(&mut reply.session).await?,
                [MfaMethod::Email] => Challenge::SetUpEmail,
                ref allowed => Challenge::SelectMfaSetUp {
                    allowed: allowed.to_vec(),
                },
            },
            name => to_challenge(name, &reply.parameters, &reply.available)?,
        };
        let password_by_srp = name == ChallengeNameType::PasswordSrp
            || !reply.available.contains(&ChallengeNameType::Password)
                && reply.available.contains(&ChallengeNameType::PasswordSrp);
        let known_as = reply
            .parameters
            .get("USER_ID_FOR_SRP")
            .cloned()
            .unwrap_or(known_as);
        let username = begun.login_id.clone();
        let state = ChallengeState {
            name: name.as_str().to_owned(),
            session: reply.session,
            username: known_as,
            password_by_srp,
            begun,
        };
        Ok(SignInReply::Challenged(OpenChallenge {
            username,
            challenge,
            continuation: state.to_continuation(),
        }))
    }
}

/// The parameters for the first factor that is to be asked for.
fn preference(
    preferred: Option<FirstFactor>,
    password: Option<&Password>,
) -> Result<Vec<(&'static str, String)>, ProviderError> {
    let preferred = preferred.or_else(|| password.map(|_| FirstFactor::Password));
    let Some(preferred) = preferred else {
        return Ok(Vec::new());
    };
    let mut parameters = vec![("PREFERRED_CHALLENGE", name_of(preferred).to_owned())];
    if preferred == FirstFactor::Password {
        let password = password.ok_or_else(|| {
            failure::unsupported("there is no password, and it is the preferred factor")
        })?;
        parameters.push(("PASSWORD", password.expose().to_owned()));
    }
    Ok(parameters)
}

/// Converts two errors of a sign-in to challenges.
pub(super) fn challenge_or_error(
    username: &str,
    error: ProviderError,
) -> Result<SignInReply, ProviderError> {
    let challenge = match &*error.name {
        "UserNotConfirmedException" => Challenge::ConfirmSignUp,
        "PasswordResetRequiredException" => Challenge::ResetPassword,
        _ => return Err(error),
    };
    Ok(SignInReply::Challenged(OpenChallenge {
        username: username.to_owned(),
        challenge,
        continuation: "".into(),
    }))
}

pub(super) fn owned(
    parameters: impl IntoIterator<Item = (&'static str, String)>,
) -> HashMap<String, String> {
    let owned = |(name, value): (&str, String)| (name.to_owned(), value);
    parameters.into_iter().map(owned).collect()
}
