using System.Collections.Frozen;
using System.Globalization;
using System.Text.RegularExpressions;
using Docker.DotNet;
using IsolatedAgents.Diagnostics;

namespace IsolatedAgents.Engines.Docker;

/// <summary>
/// An engine that is reached as docker's own client reaches it by <c>ssh://</c>: the user's ssh client runs <c>docker system dial-stdio</c>
/// on the other machine, which joins its streams to the engine there. Keys, known hosts and jumps are those of the user's ssh
/// configuration.
/// </summary>
internal sealed partial class EngineSsh : Credentials
{
    /// <summary>The scheme of such an address.</summary>
    public const string Scheme = "ssh";

    /// <summary>
    /// The address that the client library gets in place of this one, since it knows no such scheme. Nothing is ever connected to it.
    /// </summary>
    public static readonly Uri Stand = new("http://engine.invalid");

    private readonly string[] _arguments;
    private readonly string _host;
    private readonly FrozenDictionary<string, string> _environment;

    private EngineSsh(string[] arguments, string host, FrozenDictionary<string, string> environment)
    {
        _arguments = arguments;
        _host = host;
        _environment = environment;
    }

    /// <summary>Reads <c>ssh://[user@]host[:port][/path/of/the/engine's.sock]</c>.</summary>
    /// <exception cref="EngineException">IA2001: it says what it must not.</exception>
    public static EngineSsh Create(Uri address, FrozenDictionary<string, string> environment)
    {
        string user = Uri.UnescapeDataString(address.UserInfo);
        string? problem =
            user.Contains(':', StringComparison.Ordinal)
                ? "a password does not belong there, where every user of this machine can read it; use a key"
            : user.StartsWith('-') || user.Any(char.IsControl) ? "no user has such a name"
            : address.Host.Length == 0 || address.Host.StartsWith('-') ? "no host has such a name"
            : address.Query.Length > 0 || address.Fragment.Length > 0 ? "nothing may follow the path"
            // The path is a word of the other machine's shell.
            : address.AbsolutePath.Length > 1 && !PathPattern().IsMatch(address.AbsolutePath)
                ? "the path of its socket may hold letters, digits, '.', '_', '-' and '/' alone"
            : null;
        if (problem is not null)
        {
            throw new EngineException(
                DiagnosticTable.NoEngine,
                $"The engine address '{EngineScheme(address)}' cannot be used: {problem}. Expected ssh://user@host, with :port or the path of the engine's socket behind it."
            );
        }

        // Nobody is there to be asked, and a build must not wait for an answer. What stands behind the two dashes is no option, whatever it
        // is.
        string[] arguments =
        [
            "-o",
            "BatchMode=yes",
            "-T",
            .. user.Length > 0 ? new[] { "-l", user } : [],
            .. address.Port > 0 ? new[] { "-p", address.Port.ToString(CultureInfo.InvariantCulture) } : [],
            "--",
            address.IdnHost,
            "docker",
            .. address.AbsolutePath.Length > 1 ? new[] { "--host", $"unix://{address.AbsolutePath}" } : [],
            "system",
            "dial-stdio",
        ];
        return new EngineSsh(arguments, address.IdnHost, environment);
    }

    public override bool IsTlsCredentials() => false;

    public override HttpMessageHandler GetHandler(HttpMessageHandler innerHandler)
    {
        innerHandler.Dispose();
        return new SshHandler(new SshConnections(_arguments, _host, _environment));
    }

    // A message must not tell the password that it complains of.
    private static string EngineScheme(Uri address) => new UriBuilder(address) { Password = "" }.Uri.ToString();

    [GeneratedRegex(@"^(?:/[A-Za-z0-9._-]+)+$")]
    private static partial Regex PathPattern();
}
