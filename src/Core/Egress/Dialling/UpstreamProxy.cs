using System.Net;
using System.Net.Sockets;
using System.Text;
using IsolatedAgents.Policies.Access;

namespace IsolatedAgents.Egress.Dialling;

/// <summary>An HTTP proxy, which opens tunnels (CONNECT) and forwards plain requests (RFC 9110, 7.3.2 and 9.3.6).</summary>
internal sealed class UpstreamProxy
{
    /// <summary>How every failure of a proxy's begins.</summary>
    public const string FailureStart = "The upstream proxy";

    private const int MaxAnswer = 16 * 1024;
    private const int AuthenticationRequired = 407;

    private readonly Uri _address;
    private readonly string? _authorization;

    public UpstreamProxy(Uri address)
    {
        _address = address;
        if (address.UserInfo.Length > 0)
        {
            string credentials = Uri.UnescapeDataString(address.UserInfo);
            _authorization = Convert.ToBase64String(
                Encoding.UTF8.GetBytes(credentials.Contains(':', StringComparison.Ordinal) ? credentials : credentials + ":")
            );
            int colon = credentials.IndexOf(':', StringComparison.Ordinal);
            Password = colon >= 0 && colon + 1 < credentials.Length ? credentials[(colon + 1)..] : null;
        }
    }

    public string? Password { get; }

    /// <summary>The header that a forwarded request gives the proxy, with its line end; empty where the proxy wants no password.</summary>
    public string AuthorizationLine => _authorization is null ? "" : $"Proxy-Authorization: Basic {_authorization}\r\n";

    /// <summary>Opens a tunnel. The proxy's own name and address are the operator's choice and are not judged.</summary>
    /// <exception cref="UnreachableException">The proxy does not answer, or refuses.</exception>
    public ValueTask<Socket> ConnectAsync(EgressTarget target, HappyEyeballs connector, CancellationToken cancellationToken) =>
        OpenAsync(target, connector, cancellationToken);

    /// <summary>Opens a connection to the proxy itself, for requests that it forwards.</summary>
    /// <exception cref="UnreachableException">The proxy does not answer.</exception>
    public ValueTask<Socket> ConnectAsync(HappyEyeballs connector, CancellationToken cancellationToken) =>
        OpenAsync(null, connector, cancellationToken);

    /// <summary>Explains a status that the proxy itself answers, and says what to do about it.</summary>
    /// <param name="status">The status; 0 where the answer is no HTTP.</param>
    public UnreachableException Refusal(int status) =>
        new(
            status switch
            {
                0 => $"{FailureStart} {Name} does not speak HTTP; correct the variable that names it",
                AuthenticationRequired when _authorization is null =>
                    $"{FailureStart} {Name} asks for a user name and password (status 407); put them into the variable that names it, as http://user:password@host:port",
                AuthenticationRequired =>
                    $"{FailureStart} {Name} does not take the user name and password that it is given (status 407); correct them in the variable that names it",
                _ => $"{FailureStart} {Name} refuses with status {status}; let it allow the endpoint, or list the host in NO_PROXY",
            }
        );

    // Without the user's part.
    private string Name => $"'{_address.Host}:{_address.Port}'";

    private async ValueTask<Socket> OpenAsync(EgressTarget? tunnel, HappyEyeballs connector, CancellationToken cancellationToken)
    {
        using CancellationTokenSource limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(connector.Timeout + connector.Timeout);
        Socket? socket = null;
        try
        {
            IPAddress[] addresses = await Dns.GetHostAddressesAsync(_address.IdnHost, limit.Token).ConfigureAwait(false);
            socket = await connector.ConnectAsync(addresses, _address.Port, limit.Token).ConfigureAwait(false);
            if (tunnel is not { } target)
            {
                return socket;
            }

            ReadOnlyMemory<byte> request = Encoding.ASCII.GetBytes(
                $"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n{AuthorizationLine}\r\n"
            );
            while (!request.IsEmpty)
            {
                request = request[await socket.SendAsync(request, SocketFlags.None, limit.Token).ConfigureAwait(false)..];
            }

            int status = await ReadAnswerAsync(socket, limit.Token).ConfigureAwait(false);
            return status is >= 200 and < 300 ? socket : throw Refusal(status);
        }
        catch (SocketException exception)
        {
            socket?.Dispose();
            throw new UnreachableException(
                $"{FailureStart} {Name} does not answer ({exception.SocketErrorCode}); start it, or correct the variable that names it",
                exception
            );
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            socket?.Dispose();
            throw new UnreachableException(
                $"{FailureStart} {Name} does not answer in time; look at it, or correct the variable that names it"
            );
        }
        catch (UnreachableException exception)
            when (tunnel is null || !exception.Message.StartsWith(FailureStart, StringComparison.Ordinal))
        {
            socket?.Dispose();
            throw new UnreachableException(
                $"{FailureStart} {Name} cannot be reached: {exception.Message}; start it, or correct the variable that names it",
                exception
            );
        }
        catch
        {
            socket?.Dispose();
            throw;
        }
    }

    /// <summary>
    /// The status of the answer; 0 where it is none. What follows its head belongs to the tunnel, so it is read byte by byte up to there.
    /// </summary>
    private static async ValueTask<int> ReadAnswerAsync(Socket socket, CancellationToken cancellationToken)
    {
        byte[] head = new byte[MaxAnswer];
        int length = 0;
        while (length < head.Length)
        {
            int read = await socket.ReceiveAsync(head.AsMemory(length, 1), SocketFlags.None, cancellationToken).ConfigureAwait(false);
            if (read == 0)
            {
                return 0;
            }

            length += read;
            if (
                head[length - 1] == (byte)'\n'
                && (head.AsSpan(0, length).EndsWith("\r\n\r\n"u8) || head.AsSpan(0, length).EndsWith("\n\n"u8))
            )
            {
                return
                    length > 12
                    && head.AsSpan(0, 7).SequenceEqual("HTTP/1."u8)
                    && head[8] == (byte)' '
                    && int.TryParse(head.AsSpan(9, 3), out int status)
                    ? status
                    : 0;
            }
        }

        return 0;
    }
}
