using System.Net;
using System.Net.Sockets;
using System.Text;

namespace IsolatedAgents.Egress.Dialling;

/// <summary>An HTTP proxy that opens tunnels (CONNECT).</summary>
internal sealed class UpstreamProxy
{
    private const int MaxAnswer = 16 * 1024;

    private readonly Uri _address;
    private readonly string? _authorization;

    public UpstreamProxy(Uri address)
    {
        _address = address;
        if (address.UserInfo.Length > 0)
        {
            string credentials = Uri.UnescapeDataString(address.UserInfo);
            _authorization = Convert.ToBase64String(Encoding.UTF8.GetBytes(credentials.Contains(':', StringComparison.Ordinal) ? credentials : credentials + ":"));
            int colon = credentials.IndexOf(':', StringComparison.Ordinal);
            Password = colon >= 0 && colon + 1 < credentials.Length ? credentials[(colon + 1)..] : null;
        }
    }

    public string? Password { get; }

    /// <summary>Opens a tunnel. The proxy's own name and address are the operator's choice and are not judged.</summary>
    /// <exception cref="UnreachableException">The proxy does not answer, or refuses.</exception>
    public async ValueTask<Socket> ConnectAsync(EgressTarget target, TimeSpan timeout, CancellationToken cancellationToken)
    {
        using CancellationTokenSource limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(timeout + timeout);
        Socket? socket = null;
        try
        {
            IPAddress[] addresses = await Dns.GetHostAddressesAsync(_address.IdnHost, limit.Token).ConfigureAwait(false);
            socket = await HappyEyeballs.ConnectAsync(addresses, _address.Port, timeout, limit.Token).ConfigureAwait(false);
            string authorization = _authorization is null ? "" : $"Proxy-Authorization: Basic {_authorization}\r\n";
            ReadOnlyMemory<byte> request = Encoding.ASCII.GetBytes($"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n{authorization}\r\n");
            while (!request.IsEmpty)
            {
                request = request[await socket.SendAsync(request, SocketFlags.None, limit.Token).ConfigureAwait(false)..];
            }

            int status = await ReadAnswerAsync(socket, limit.Token).ConfigureAwait(false);
            return status is >= 200 and < 300
                ? socket
                : throw new UnreachableException(status == 0 ? "The upstream proxy's answer is no HTTP" : $"The upstream proxy refuses with status {status}");
        }
        catch (SocketException exception)
        {
            socket?.Dispose();
            throw new UnreachableException($"The upstream proxy does not answer ({exception.SocketErrorCode})", exception);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            socket?.Dispose();
            throw new UnreachableException("The upstream proxy does not answer in time");
        }
        catch
        {
            socket?.Dispose();
            throw;
        }
    }

    /// <summary>The status of the answer; 0 where it is none. What follows its head belongs to the tunnel, so it is read byte by byte up to there.</summary>
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
            if (head[length - 1] == (byte)'\n' && (head.AsSpan(0, length).EndsWith("\r\n\r\n"u8) || head.AsSpan(0, length).EndsWith("\n\n"u8)))
            {
                return length > 12 && head.AsSpan(0, 7).SequenceEqual("HTTP/1."u8) && head[8] == (byte)' ' && int.TryParse(head.AsSpan(9, 3), out int status) ? status : 0;
            }
        }

        return 0;
    }
}
