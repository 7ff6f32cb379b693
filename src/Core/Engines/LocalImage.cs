using System.Buffers;
using System.Diagnostics.CodeAnalysis;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;

namespace IsolatedAgents.Engines;

/// <summary>
/// Asks the engine of this machine for the id of an image, in one request over its socket. The client library of the runs would do it too,
/// and takes some 100 ms to load, which a build that has nothing to do would wait for.
/// </summary>
internal static class LocalImage
{
    private const int MaxResponseBytes = 4 * 1024 * 1024;
    private const int TimeoutMilliseconds = 2_000;

    // What an image's name may hold, so that it is one part of a request's line. Others go to the client library.
    private static readonly SearchValues<char> NameCharacters = SearchValues.Create(
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-/:@"
    );

    /// <summary>False where no engine answers at once on a socket of this machine, or where it does not have the image.</summary>
    public static bool TryFind(EngineLocator locator, EngineKind kind, string reference, [NotNullWhen(true)] out string? id)
    {
        id = null;
        try
        {
            return !reference.AsSpan().ContainsAnyExcept(NameCharacters)
                && locator.Candidates(kind).FirstOrDefault(IsThere) is { Scheme: "unix" } address
                && (id = IdIn(Ask(address.LocalPath, reference))) is not null;
        }
        catch (Exception failure) when (failure is SocketException or IOException or JsonException or EngineException)
        {
            return false;
        }
    }

    // An engine elsewhere may be there; whether it is, takes the client library to find out.
    private static bool IsThere(Uri address) => address.Scheme != "unix" || File.Exists(address.LocalPath);

    // HTTP/1.0, so that the answer is one piece that ends with the connection.
    private static ReadOnlySpan<byte> Ask(string socketPath, string reference)
    {
        using Socket socket = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified)
        {
            SendTimeout = TimeoutMilliseconds,
            ReceiveTimeout = TimeoutMilliseconds,
        };
        socket.Connect(new UnixDomainSocketEndPoint(socketPath));
        socket.Send(Encoding.ASCII.GetBytes($"GET /images/{reference}/json HTTP/1.0\r\nHost: engine\r\n\r\n"));
        byte[] response = new byte[16 * 1024];
        int length = 0;
        int received;
        while ((received = socket.Receive(response, length, response.Length - length, SocketFlags.None)) > 0)
        {
            length += received;
            if (length == MaxResponseBytes)
            {
                throw new IOException("The engine's answer has no end.");
            }

            if (length == response.Length)
            {
                Array.Resize(ref response, response.Length * 2);
            }
        }

        return response.AsSpan(0, length);
    }

    private static string? IdIn(ReadOnlySpan<byte> response)
    {
        int end = response.IndexOf("\r\n\r\n"u8);
        if (end < 0 || !response.StartsWith("HTTP/1."u8) || response.Length < 12 || !response[8..].StartsWith(" 200"u8))
        {
            return null;
        }

        Utf8JsonReader json = new(response[(end + 4)..]);
        while (json.Read())
        {
            if (json.TokenType == JsonTokenType.PropertyName && json.CurrentDepth == 1)
            {
                bool isId = json.ValueTextEquals("Id"u8);
                json.Read();
                if (isId)
                {
                    return json.TokenType == JsonTokenType.String ? json.GetString() : null;
                }

                json.Skip();
            }
        }

        return null;
    }
}
