using System.Buffers.Binary;
using System.Net;
using System.Runtime.InteropServices;
using IsolatedAgents.Protocol;
using IsolatedAgents.Supervisor.Interop;
using IsolatedAgents.Supervisor.Setup;
using static IsolatedAgents.Supervisor.Interop.KernelConstants;

namespace IsolatedAgents.Supervisor.Launching;

/// <summary>
/// Tries, as the agent that is about to start, what no agent may do. One that succeeds ends the run before the agent begins.
/// </summary>
internal sealed unsafe class SandboxProbe
{
    /// <summary>How many calls of <see cref="TrySupervisor"/> are denied and told.</summary>
    public const int DenialsTold = 4;

    /// <summary>How many lookups of <see cref="TryNames"/> are denied and told.</summary>
    public const int LookupsTold = 1;

    // The supervisor's own file: in every sandbox, readable by all as far as its mode goes, and in nobody's policy.
    private const string ForbiddenFile = "/.isolated-agents/supervisor";
    private const string ForbiddenNewFile = "/.isolated-agents-probe";

    // RFC 5737: an address that is nobody's.
    private static readonly byte[] NobodysAddress = [198, 51, 100, 1];
    private const int WebPort = 443;
    private const int NamePort = 53;
    private const int LookupMilliseconds = 5000;

    // RFC 1035: an identifier, recursion desired, one question; RFC 6761: a name that is nobody's; type A, class IN.
    private static readonly byte[] NobodysName =
    [
        0x1A,
        0xA1,
        1,
        0,
        0,
        1,
        0,
        0,
        0,
        0,
        0,
        0,
        5,
        .. "probe"u8,
        7,
        .. "invalid"u8,
        0,
        0,
        1,
        0,
        1,
    ];

    private const int NoSuchName = 3;

    private readonly List<string> _names = [];
    private readonly List<string> _results = [];

    public ProbeResults Results => new([.. _names], [.. _results]);

    /// <summary>Probes that the kernel refuses without asking the supervisor.</summary>
    public void TryKernel(int landlockVersion)
    {
        if (landlockVersion > 0)
        {
            Expect("Forbidden read", Open(ForbiddenFile, OpenReadOnly), "denied by Landlock", AccessDenied);
        }
        else
        {
            Note(ProbeResults.MissingLandlock, "not in this kernel");
        }

        Expect("Forbidden write", Open(ForbiddenNewFile, OpenCreate | 1), "denied by a read-only root", AccessDenied, ReadOnlyFileSystem);
        Expect("Connection", Connect(SocketStream, WebPort), "no route", NetworkUnreachable);
        Expect("Name lookup", Connect(SocketDatagram, NamePort), "no route", NetworkUnreachable);
    }

    /// <summary>Probes that the supervisor refuses and reports.</summary>
    /// <param name="unusedAddress">An address of those that stand for names, which stands for none.</param>
    public void TrySupervisor(string unusedAddress)
    {
        Expect("Watched read", Open(ForbiddenFile, OpenReadOnly), "denied and told", AccessDenied);
        Expect("Watched connection", Connect(SocketStream, WebPort), "denied and told", ConnectionRefused);
        byte[] unused = IPAddress.Parse(unusedAddress).GetAddressBytes();
        Expect(
            "Watched connection to no name",
            Connect(SocketStream, WebPort, unused),
            $"{unusedAddress}, denied and told",
            ConnectionRefused
        );
        // A call that engines' own filters let pass, of a process that cannot be: allowed, it would fail in another way.
        int result = (int)LibC.syscall(SystemCallPtrace, PtraceAttach, 0, 0, 0);
        Expect("System call", result < 0 ? Marshal.GetLastPInvokeError() : 0, "denied and told", NotPermitted);
    }

    /// <summary>A lookup that the supervisor answers: there is no such name, and it is told.</summary>
    public void TryNames()
    {
        int fd = LibC.socket(AddressFamilyInternet, SocketDatagram | OpenCloseOnExec, 0);
        KernelException.ThrowIfFailed("socket", fd);
        Span<byte> answer = stackalloc byte[512];
        int count =
            Connect(fd, [127, 0, 0, 1], NamePort) == 0 && Descriptor.Write(fd, NobodysName) == NobodysName.Length && IsReadable(fd)
                ? Descriptor.Read(fd, answer)
                : 0;
        LibC.close(fd);
        if (count < 4 || (answer[3] & 0xF) != NoSuchName)
        {
            throw new SetupException(
                SetupFailureKind.Probe,
                "Watched name lookup",
                count < 4 ? "nobody answered" : "a name that is not allowed was found"
            );
        }

        Note("Watched name lookup", "no such name, and told");
    }

    private void Expect(string name, int error, string result, params ReadOnlySpan<int> allowed)
    {
        if (!allowed.Contains(error))
        {
            throw new SetupException(
                SetupFailureKind.Probe,
                name,
                error == 0
                    ? "what must be refused was allowed"
                    : $"it was refused in another way than it must be: {KernelException.ErrorName(error)}"
            );
        }

        Note(name, result);
    }

    private void Note(string name, string result)
    {
        _names.Add(name);
        _results.Add(result);
    }

    // The error; 0 where it succeeded.
    private static int Open(string path, int flags)
    {
        fixed (byte* pointer = Descriptor.PathBytes(path))
        {
            return Close(LibC.open(pointer, flags | OpenCloseOnExec, 0));
        }
    }

    private static int Connect(int type, int port) => Connect(type, port, NobodysAddress);

    private static int Connect(int type, int port, byte[] destination)
    {
        int fd = LibC.socket(AddressFamilyInternet, type | OpenNonBlocking | OpenCloseOnExec, 0);
        KernelException.ThrowIfFailed("socket", fd);
        int error = Connect(fd, destination, port);
        LibC.close(fd);
        return error;
    }

    private static int Connect(int fd, ReadOnlySpan<byte> destination, int port)
    {
        // struct sockaddr_in, include/uapi/linux/in.h
        Span<byte> address = stackalloc byte[16];
        address.Clear();
        address[0] = AddressFamilyInternet;
        BinaryPrimitives.WriteUInt16BigEndian(address[2..], (ushort)port);
        destination.CopyTo(address[4..]);
        fixed (byte* pointer = address)
        {
            return LibC.connect(fd, pointer, address.Length) < 0 ? Marshal.GetLastPInvokeError() : 0;
        }
    }

    private static bool IsReadable(int fd)
    {
        Span<PollDescriptor> descriptor = [new PollDescriptor { Fd = fd, Events = PollIn }];
        Descriptor.Poll(descriptor, LookupMilliseconds);
        return descriptor[0].Returned != 0;
    }

    private static int Close(int fd)
    {
        if (fd < 0)
        {
            return Marshal.GetLastPInvokeError();
        }

        LibC.close(fd);
        return 0;
    }
}
