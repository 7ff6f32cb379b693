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
        "Connection", "Keep-Alive", "Proxy-Connection", "Proxy-Authenticate", "Proxy-Authorization", "TE", "Transfer-Encoding", "Upgrade", "HTTP2-Settings", "Expect", "Host",
    }.ToFrozenSet(StringComparer.OrdinalIgnoreCase);

    public static void ToServer(IHeaderDictionary from, HttpRequestMessage to)
    {
        string[] dropped = Nominated(from.Connection);
        foreach ((string name, StringValues values) in from)
        {
            if (name.StartsWith(':') || OfConnection.Contains(name) || dropped.Contains(name, StringComparer.OrdinalIgnoreCase))
            {
                continue;
            }

            if (!to.Headers.TryAddWithoutValidation(name, (IEnumerable<string?>)values) && to.Content is { } content)
            {
                content.Headers.TryAddWithoutValidation(name, (IEnumerable<string?>)values);
            }
        }

        // gRPC asks whether trailers come through, and they do.
        if (from.TE.Any(value => value?.Contains("trailers", StringComparison.OrdinalIgnoreCase) == true))
        {
            to.Headers.TryAddWithoutValidation("TE", "trailers");
        }
    }

    /// <summary>Asks the server for a WebSocket without extensions: their frames could not be read on the way.</summary>
    public static void AskForWebSocket(HttpRequestMessage to)
    {
        to.Headers.Remove(HeaderNames.SecWebSocketExtensions);
        to.Headers.Connection.Add(HeaderNames.Upgrade);
        to.Headers.Upgrade.Add(new ProductHeaderValue(WebSocket));
    }

    /// <summary>Whether the server goes on as a WebSocket.</summary>
    public static bool IsWebSocket(HttpResponseMessage answer) =>
        answer.StatusCode == HttpStatusCode.SwitchingProtocols && answer.Headers.Upgrade.Count == 1 && answer.Headers.Upgrade.Single().ToString().Equals(WebSocket, StringComparison.OrdinalIgnoreCase)
        && !answer.Headers.NonValidated.Contains(HeaderNames.SecWebSocketExtensions);

    public static void ToAgent(HttpResponseMessage from, IHeaderDictionary to)
    {
        string[] dropped = from.Headers.NonValidated.TryGetValues("Connection", out HeaderStringValues values) ? Nominated(new StringValues(values.ToArray())) : [];
        Copy(from.Headers);
        Copy(from.Content.Headers);

        void Copy(HttpHeaders headers)
        {
            foreach ((string name, HeaderStringValues fields) in headers.NonValidated)
            {
                if (!OfConnection.Contains(name) && !dropped.Contains(name, StringComparer.OrdinalIgnoreCase))
                {
                    to[name] = new StringValues([.. fields]);
                }
            }
        }
    }

    private static string[] Nominated(StringValues connection) =>
        [.. connection.SelectMany(value => value?.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries) ?? [])];
}
