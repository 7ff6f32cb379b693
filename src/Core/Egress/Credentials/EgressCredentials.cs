using System.Collections.Frozen;
using System.Collections.Immutable;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using IsolatedAgents.Diagnostics;
using IsolatedAgents.Egress.Relaying;
using IsolatedAgents.Policies;
using IsolatedAgents.Policies.Access;
using IsolatedAgents.Text.Masking;

namespace IsolatedAgents.Egress.Credentials;

/// <summary>A header that the broker sets on the way to one endpoint.</summary>
/// <param name="Header">Its name.</param>
/// <param name="Value">The whole value, credential included.</param>
internal sealed record CredentialHeader(string Header, string Value);

/// <summary>The credentials of one run: what the agent gets in their place, and what must be masked.</summary>
internal sealed class EgressCredentials
{
    /// <summary>The policy key that holds them.</summary>
    public const string Key = "network.credentials";

    private const string Basic = "Basic ";

    private readonly string _mark;
    private readonly Dictionary<string, List<CredentialHeader>> _headers = new(StringComparer.Ordinal);

    private readonly Lazy<SecretForms> _forms;
    private readonly List<(string Secret, string Placeholder)> _replaced = [];

    private EgressCredentials(string mark)
    {
        _mark = mark;
        _forms = new Lazy<SecretForms>(() => new SecretForms(_replaced));
    }

    /// <summary>Variables for the agent's environment, each with its placeholder.</summary>
    public ImmutableSortedDictionary<string, string> Environment { get; private set; } =
        ImmutableSortedDictionary.Create<string, string>(StringComparer.Ordinal);

    /// <summary>The real values, for the masker.</summary>
    public ImmutableArray<string> Secrets { get; private set; } = [];

    /// <summary>Reads the credentials that a policy names from the host's variables.</summary>
    /// <exception cref="ConfigurationException">
    /// IA1003 at the key: a variable is not set, too short to be masked, or cannot stand in a header.
    /// </exception>
    public static EgressCredentials Resolve(LoadedPolicy loaded, FrozenDictionary<string, string> hostEnvironment)
    {
        // All placeholders of a run begin alike, so that one search finds any. 96 random bits do not occur by chance.
        EgressCredentials result = new("ia-placeholder-" + RandomNumberGenerator.GetHexString(24, lowercase: true) + "-");
        int number = 0;
        foreach (EndpointCredential credential in loaded.Policy.Network.Credentials)
        {
            if (!hostEnvironment.TryGetValue(credential.FromEnv, out string? value) || value.Length == 0)
            {
                throw Error(
                    loaded,
                    $"'{Key}' takes a credential from the host variable '{credential.FromEnv}', which is not set; set it for this step."
                );
            }

            if (value.Length < SecretMasker.MinimumLength)
            {
                throw Error(
                    loaded,
                    $"'{Key}' takes a credential from the host variable '{credential.FromEnv}', which has fewer than {SecretMasker.MinimumLength} characters and cannot be masked; use a longer one."
                );
            }

            if (value.AsSpan().ContainsAnyExceptInRange('!', '~'))
            {
                throw Error(
                    loaded,
                    $"'{Key}' takes a credential from the host variable '{credential.FromEnv}', which holds blanks, line breaks or other characters that no header can carry; correct it."
                );
            }

            result.Environment = result.Environment.SetItem(
                credential.PlaceholderEnv,
                result._mark + (++number).ToString(CultureInfo.InvariantCulture)
            );
            result.Secrets = result.Secrets.Contains(value) ? result.Secrets : result.Secrets.Add(value);
            if (!result._headers.TryGetValue(credential.Endpoint, out List<CredentialHeader>? headers))
            {
                result._headers[credential.Endpoint] = headers = [];
            }

            headers.Add(new CredentialHeader(credential.Header, credential.Format.Replace("{}", value, StringComparison.Ordinal)));
            result.Replace(value, result.Environment[credential.PlaceholderEnv], credential.Format);
        }

        return result;
    }

    /// <summary>The headers to set on the way to a target.</summary>
    public IReadOnlyList<CredentialHeader> For(EgressTarget target) => _headers.GetValueOrDefault(target.ToString(), []);

    /// <summary>Whether text holds a placeholder of this run.</summary>
    public bool IsIn(string text) => _headers.Count > 0 && text.Contains(_mark, StringComparison.OrdinalIgnoreCase);

    /// <summary>Looks for placeholders in one stream of bytes; null where there are none to be found.</summary>
    public IByteGuard? NewGuard() => _headers.Count > 0 ? new PlaceholderGuard(Encoding.ASCII.GetBytes(_mark)) : null;

    /// <summary>Finds the run's credentials in one stream of an answer; null where the target gets none.</summary>
    public AnswerFilter? NewFilter(EgressTarget target) => For(target).Count > 0 ? new AnswerFilter(_forms.Value) : null;

    /// <summary>The reason of the violation when a placeholder is found.</summary>
    public static EgressRefusedException Refusal(string where) => new($"The placeholder of a credential was sent {where}", Key);

    /// <summary>The parts of a credential that no answer may hold: the value, and the name and password encoded in it.</summary>
    private void Replace(string value, string placeholder, string format)
    {
        _replaced.Add((value, placeholder));
        byte[] decoded = new byte[value.Length];
        if (
            format.StartsWith(Basic, StringComparison.OrdinalIgnoreCase)
            && Convert.TryFromBase64String(value, decoded, out int count)
            && count >= SecretMasker.MinimumLength
            && !decoded.AsSpan(0, count).ContainsAnyExceptInRange((byte)' ', (byte)'~')
        )
        {
            string pair = Encoding.ASCII.GetString(decoded, 0, count);
            string password = pair[(pair.IndexOf(':', StringComparison.Ordinal) + 1)..];
            _replaced.AddRange(
                ((string[])[pair, password])
                    .Where(text => text.Length >= SecretMasker.MinimumLength)
                    .Distinct()
                    .Select(text => (text, placeholder))
            );
        }
    }

    private static ConfigurationException Error(LoadedPolicy loaded, string message) =>
        new(loaded.DiagnosticAt(Key, DiagnosticTable.Parameters, DiagnosticSeverity.Error, message));
}
