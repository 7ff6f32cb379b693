using System.Collections.Frozen;
using System.Net;
using System.Net.Http.Headers;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Primitives;
using Microsoft.Net.Http.Headers;

namespace IsolatedAgents.Egress.Inspection;

/// <summary>Copies headers from one connection to the next, without those that belong to a connection (RFC 9110, 7.6.1).</summary>
internal static class HeaderTransfer
{
    private const string WebSocket = "websocket";

    private static readonly FrozenSet<string> OfConnection = new[]
    {
        "Connection",
        "Keep-Alive",
        "Proxy-Connection",
        "Proxy-Authenticate",
        "Proxy-Authorization",
        "TE",
        "Transfer-Encoding",
        "Upgrade",
        "HTTP2-Settings",
        "Expect",
        "Host",
    }.ToFrozenSet(StringComparer.OrdinalIgnoreCase);

    public static void ToServer(IHeaderDictionary from, HttpRequestMessage to)
    {
        string[] dropped = Nominated(from.Connection);
        foreach ((string name, StringValues values) in from)
        {
            if (name.StartsWith(':') || !IsPassedOn(name, dropped))
            {
                continue;
            }

            if (values.Count == 1)
            {
                // Nearly all: one string needs no list.
                if (!to.Headers.TryAddWithoutValidation(name, values[0]))
                {
                    to.Content?.Headers.TryAddWithoutValidation(name, values[0]);
                }
            }
            else if (!to.Headers.TryAddWithoutValidation(name, (IEnumerable<string?>)values) && to.Content is { } content)
            {
                content.Headers.TryAddWithoutValidation(name, (IEnumerable<string?>)values);
            }
        }

        // The agent waits to be told whether its body is wanted, and only the server can tell.
        if (
            to.Content is not null
            && from.Expect is { Count: > 0 } expected
            && expected.Any(value => value?.Equals("100-continue", StringComparison.OrdinalIgnoreCase) == true)
        )
        {
            to.Headers.ExpectContinue = true;
        }

        // gRPC asks whether trailers come through, and they do.
        if (
            from.TE is { Count: > 0 } codings
            && codings.Any(value => value?.Contains("trailers", StringComparison.OrdinalIgnoreCase) == true)
        )
        {
            to.Headers.TryAddWithoutValidation("TE", "trailers");
        }
    }

    /// <summary>Whether a field belongs to the message, and not to a connection.</summary>
    public static bool IsPassedOn(string name) => !OfConnection.Contains(name);

    /// <summary>Asks the server for a WebSocket without extensions: their frames could not be read on the way.</summary>
    public static void AskForWebSocket(HttpRequestMessage to)
    {
        to.Headers.Remove(HeaderNames.SecWebSocketExtensions);
        to.Headers.Connection.Add(HeaderNames.Upgrade);
        to.Headers.Upgrade.Add(new ProductHeaderValue(WebSocket));
    }

    /// <summary>Whether the server goes on as a WebSocket.</summary>
    public static bool IsWebSocket(HttpResponseMessage answer) =>
        answer.StatusCode == HttpStatusCode.SwitchingProtocols
        && answer.Headers.Upgrade.Count == 1
        && answer.Headers.Upgrade.Single().ToString().Equals(WebSocket, StringComparison.OrdinalIgnoreCase)
        && !answer.Headers.NonValidated.Contains(HeaderNames.SecWebSocketExtensions);

    /// <summary>The headers of an answer that the agent gets, each searched for credentials.</summary>
    public static async ValueTask ToAgentAsync(HttpResponseMessage from, IHeaderDictionary to, AnswerGuard guard)
    {
        string[] dropped = Dropped(from);
        foreach ((string name, HeaderStringValues fields) in from.Headers.NonValidated.Concat(from.Content.Headers.NonValidated))
        {
            if (IsPassedOn(name, dropped))
            {
                await CopyAsync(name, fields, to, guard, "headers").ConfigureAwait(false);
            }
        }
    }

    /// <summary>The headers of an answer that the agent gets, where there is nothing to search for.</summary>
    public static void ToAgent(HttpResponseMessage from, IHeaderDictionary to)
    {
        string[] dropped = Dropped(from);
        Copy(from.Headers.NonValidated, dropped, to);
        Copy(from.Content.Headers.NonValidated, dropped, to);
    }

    /// <summary>The fields behind an answer's body, each searched for credentials.</summary>
    public static async ValueTask TrailersAsync(HttpResponseMessage from, IHeaderDictionary to, AnswerGuard? guard)
    {
        foreach ((string name, HeaderStringValues fields) in from.TrailingHeaders.NonValidated)
        {
            if (guard is null)
            {
                to[name] = Values(fields);
                continue;
            }

            await CopyAsync(name, fields, to, guard, "trailers").ConfigureAwait(false);
        }
    }

    private static void Copy(HttpHeadersNonValidated from, string[] dropped, IHeaderDictionary to)
    {
        foreach ((string name, HeaderStringValues fields) in from)
        {
            if (IsPassedOn(name, dropped))
            {
                to[name] = Values(fields);
            }
        }
    }

    private static async ValueTask CopyAsync(string name, HeaderStringValues fields, IHeaderDictionary to, AnswerGuard guard, string part)
    {
        List<string> searched = [];
        foreach (string field in fields)
        {
            searched.Add(await guard.TextAsync(field, part).ConfigureAwait(false));
        }

        to[await guard.TextAsync(name, part).ConfigureAwait(false)] = new StringValues([.. searched]);
    }

    private static StringValues Values(HeaderStringValues fields) =>
        fields.Count == 1 ? new StringValues(fields.ToString()) : new StringValues([.. fields]);

    private static bool IsPassedOn(string name, string[] dropped) =>
        IsPassedOn(name) && (dropped.Length == 0 || !dropped.Contains(name, StringComparer.OrdinalIgnoreCase));

    private static string[] Dropped(HttpResponseMessage from) =>
        from.Headers.NonValidated.TryGetValues("Connection", out HeaderStringValues values)
            ? Nominated(new StringValues(values.ToArray()))
            : [];

    private static string[] Nominated(StringValues connection) =>
        connection.Count == 0
            ? []
            :
            [
                .. connection.SelectMany(value =>
                    value?.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries) ?? []
                ),
            ];
}
