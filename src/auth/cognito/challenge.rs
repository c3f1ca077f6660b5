//! Converts the service's challenges to ours.

use std::collections::HashMap;

use aws_sdk_cognitoidentityprovider::types::ChallengeNameType as Name;
use serde::{Deserialize, Serialize};

use crate::auth::provider::challenge::{Answer, Challenge, FirstFactor, MfaMethod};
use crate::auth::secret::Continuation;

type Parameters = HashMap<String, String>;

/// The service's state of a sign-in.
#[derive(Deserialize, Serialize)]
pub(super) struct ChallengeState {
    pub(super) name: String,
    pub(super) session: Option<String>,
    /// The service's name for the user from here on.
    pub(super) username: String,
}

impl ChallengeState {
    pub(super) fn to_continuation(&self) -> Continuation {
        serde_json::to_string(self).unwrap_or_default().into()
    }

    pub(super) fn from_continuation(continuation: &Continuation) -> Option<Self> {
        serde_json::from_str(continuation.expose()).ok()
    }
}

/// Converts a challenge of the service, if there is one like it.
pub(super) fn to_challenge(name: &Name, parameters: &Parameters) -> Option<Challenge> {
    let destination = || parameters.get("CODE_DELIVERY_DESTINATION").cloned();
    Some(match name {
        Name::CustomChallenge => Challenge::Custom {
            parameters: parameters.clone().into_iter().collect(),
        },
        Name::NewPasswordRequired => Challenge::NewPassword {
            missing_attributes: list(parameters, "requiredAttributes")
                .into_iter()
                .map(|name| name.trim_start_matches("userAttributes.").to_owned())
                .collect(),
        },
        Name::SelectMfaType => Challenge::SelectMfa {
            allowed: list(parameters, "MFAS_CAN_CHOOSE")
                .iter()
                .filter_map(|m| mfa(m))
                .collect(),
        },
        Name::SoftwareTokenMfa => Challenge::TotpCode,
        Name::SmsMfa | Name::SmsOtp => Challenge::SmsCode {
            destination: destination(),
        },
        Name::EmailOtp => Challenge::EmailCode {
            destination: destination(),
        },
        Name::Password | Name::PasswordSrp => Challenge::Password,
        _ => return None,
    })
}

/// The first factors that a user may choose from. Passkeys are left out: they work only in a
/// browser.
pub(super) fn first_factors(named: &[Name]) -> Challenge {
    let mut available = Vec::new();
    for name in named {
        let factor = match name {
            Name::Password | Name::PasswordSrp => FirstFactor::Password,
            Name::SmsOtp => FirstFactor::SmsCode,
            Name::EmailOtp => FirstFactor::EmailCode,
            _ => continue,
        };
        if !available.contains(&factor) {
            available.push(factor);
        }
    }
    Challenge::SelectFirstFactor { available }
}

/// Converts an answer to the parameters of this challenge.
pub(super) fn to_responses(name: &str, answer: &Answer) -> Option<Vec<(String, String)>> {
    let one = |key: &str, value: &str| Some(vec![(key.to_owned(), value.to_owned())]);
    match (name, answer) {
        ("SOFTWARE_TOKEN_MFA", Answer::Code(code)) => one("SOFTWARE_TOKEN_MFA_CODE", code.expose()),
        ("SMS_MFA", Answer::Code(code)) => one("SMS_MFA_CODE", code.expose()),
        ("SMS_OTP", Answer::Code(code)) => one("SMS_OTP_CODE", code.expose()),
        ("EMAIL_OTP", Answer::Code(code)) => one("EMAIL_OTP_CODE", code.expose()),
        ("CUSTOM_CHALLENGE", Answer::Custom(answer)) => one("ANSWER", answer.expose()),
        ("SELECT_MFA_TYPE", Answer::Mfa(method)) => one(
            "ANSWER",
            match method {
                MfaMethod::Totp => "SOFTWARE_TOKEN_MFA",
                MfaMethod::Sms => "SMS_MFA",
                MfaMethod::Email => "EMAIL_OTP",
            },
        ),
        ("SELECT_CHALLENGE", Answer::FirstFactor(factor)) => one(
            "ANSWER",
            match factor {
                FirstFactor::Password => "PASSWORD",
                FirstFactor::SmsCode => "SMS_OTP",
                FirstFactor::EmailCode => "EMAIL_OTP",
                FirstFactor::Passkey => return None,
            },
        ),
        ("SELECT_CHALLENGE", Answer::Password(password)) => Some(vec![
            ("ANSWER".to_owned(), "PASSWORD".to_owned()),
            ("PASSWORD".to_owned(), password.expose().to_owned()),
        ]),
        ("PASSWORD", Answer::Password(password)) => one("PASSWORD", password.expose()),
        (
            "NEW_PASSWORD_REQUIRED",
            Answer::NewPassword {
                password,
                attributes,
            },
        ) => {
            let named = |(name, value): (&String, &String)| {
                (format!("userAttributes.{name}"), value.clone())
            };
            let mut responses: Vec<_> = attributes.iter().map(named).collect();
            responses.push(("NEW_PASSWORD".to_owned(), password.expose().to_owned()));
            Some(responses)
        }
        _ => None,
    }
}

fn mfa(name: &str) -> Option<MfaMethod> {
    match name {
        "SOFTWARE_TOKEN_MFA" => Some(MfaMethod::Totp),
        "SMS_MFA" => Some(MfaMethod::Sms),
        "EMAIL_OTP" => Some(MfaMethod::Email),
        _ => None,
    }
}

/// Parses a list, which the service sends as JSON text.
fn list(parameters: &Parameters, name: &str) -> Vec<String> {
    let text = parameters.get(name).map_or("[]", String::as_str);
    serde_json::from_str(text).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_first_factor_is_offered_once_and_only_if_it_can_be_used() {
        let named = [
            Name::PasswordSrp,
            Name::EmailOtp,
            Name::WebAuthn,
            Name::Password,
        ];
        let available = vec![FirstFactor::Password, FirstFactor::EmailCode];
        assert_eq!(
            first_factors(&named),
            Challenge::SelectFirstFactor { available }
        );
    }
}
