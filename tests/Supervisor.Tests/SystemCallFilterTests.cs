using IsolatedAgents.Supervisor.Interop;
using IsolatedAgents.Supervisor.Launching;

namespace IsolatedAgents.Supervisor.Tests;

/// <summary>Runs the filter's program as the kernel would, for calls that cannot be tried in a test process.</summary>
[TestClass]
public sealed class SystemCallFilterTests
{
    private const uint X64 = 0xC000003E;
    private const uint I386 = 0x40000003;
    private const uint Allow = 0x7FFF0000;
    private const uint Ask = 0x7FC00000;
    private const uint NotImplemented = 0x00050026;

    [TestMethod]
    [DataRow(0u, 0ul, 0ul, Allow, DisplayName = "read")]
    [DataRow(59u, 0ul, 0ul, Ask, DisplayName = "execve")]
    [DataRow(257u, 0ul, 0ul, Ask, DisplayName = "openat")]
    [DataRow(257u, 0ul, 0x10000ul, Allow, DisplayName = "openat O_DIRECTORY")]
    [DataRow(257u, 0ul, 0x200000ul, Allow, DisplayName = "openat O_PATH")]
    [DataRow(257u, 0ul, 0x10002ul, Ask, DisplayName = "openat O_DIRECTORY for writing")]
    [DataRow(257u, 0ul, 0x410000ul, Ask, DisplayName = "openat O_TMPFILE")]
    [DataRow(257u, 0ul, 0x10040ul, Ask, DisplayName = "openat O_DIRECTORY that creates")]
    [DataRow(257u, 0ul, 0x10200ul, Ask, DisplayName = "openat O_DIRECTORY that truncates")]
    [DataRow(2u, 0ul, 0x10000ul, Ask, DisplayName = "open has its flags elsewhere")]
    [DataRow(444u, 0ul, 0ul, Allow, DisplayName = "landlock_create_ruleset")]
    [DataRow(101u, 0ul, 0ul, Ask, DisplayName = "ptrace")]
    [DataRow(321u, 0ul, 0ul, Ask, DisplayName = "bpf")]
    [DataRow(425u, 0ul, 0ul, Ask, DisplayName = "io_uring_setup")]
    [DataRow(272u, 0ul, 0ul, Ask, DisplayName = "unshare")]
    [DataRow(447u, 0ul, 0ul, Ask, DisplayName = "memfd_secret, the last one of the list")]
    [DataRow(435u, 0ul, 0ul, NotImplemented, DisplayName = "clone3")]
    [DataRow(56u, 0x3D0F00ul, 0ul, Allow, DisplayName = "clone of a thread")]
    [DataRow(56u, 0x10000011ul, 0ul, Ask, DisplayName = "clone into a user namespace")]
    [DataRow(56u, 0x40000011ul, 0ul, Ask, DisplayName = "clone into a network namespace")]
    [DataRow(135u, 0ul, 0ul, Allow, DisplayName = "personality 0")]
    [DataRow(135u, 0xFFFFFFFFul, 0ul, Allow, DisplayName = "personality query")]
    [DataRow(135u, 0x40000ul, 0ul, Ask, DisplayName = "personality without address randomisation")]
    [DataRow(41u, 1ul, 0ul, Allow, DisplayName = "socket AF_UNIX")]
    [DataRow(41u, 2ul, 6ul, Allow, DisplayName = "socket AF_INET")]
    [DataRow(41u, 10ul, 17ul, Allow, DisplayName = "socket AF_INET6")]
    [DataRow(41u, 16ul, 0ul, Allow, DisplayName = "socket NETLINK_ROUTE")]
    [DataRow(41u, 16ul, 15ul, Ask, DisplayName = "socket NETLINK_KOBJECT_UEVENT")]
    [DataRow(41u, 17ul, 3ul, Ask, DisplayName = "socket AF_PACKET")]
    [DataRow(41u, 38ul, 0ul, Ask, DisplayName = "socket AF_ALG")]
    [DataRow(41u, 40ul, 0ul, Ask, DisplayName = "socket AF_VSOCK")]
    [DataRow(44u, 0ul, 0ul, Allow, DisplayName = "sendto without an address")]
    [DataRow(42u, 0ul, 0ul, Ask, DisplayName = "connect")]
    [DataRow(53u, 1ul, 0ul, Allow, DisplayName = "socketpair AF_UNIX")]
    [DataRow(53u, 38ul, 0ul, Ask, DisplayName = "socketpair AF_ALG")]
    public void Build_CallOnX64_IsAnswered(uint number, ulong argument0, ulong argument2, uint answer) =>
        Assert.AreEqual(answer, Run(X64, number, argument0, argument2));

    [TestMethod]
    [DataRow(1ul)]
    [DataRow(0x1_0000_0000ul)]
    public void Build_SendWithAnAddress_IsAsked(ulong address) => Assert.AreEqual(Ask, Run(X64, 44, 0, 0, argument4: address));

    [TestMethod]
    [TestProperty("Case", "N11")]
    [DataRow(2ul, 3u, Ask)]
    [DataRow(10ul, 0x803u, Ask)]
    [DataRow(2ul, 0x801u, Allow)]
    public void RawSocket_IsAsked(ulong family, uint type, uint answer) => Assert.AreEqual(answer, Run(X64, 41, family, 0, type));

    [TestMethod]
    [TestProperty("Case", "E10")]
    [DataRow(3u)]
    [DataRow(11u)]
    [DataRow(102u)]
    public void CallThrough32BitEntry_IsDenied(uint number) => Assert.AreEqual(Ask, Run(I386, number, 0, 0));

    [TestMethod]
    [TestProperty("Case", "E10")]
    public void EveryX32Call_IsDenied()
    {
        for (uint number = 0; number < 1024; number++)
        {
            Assert.AreEqual(Ask, Run(X64, 0x40000000 | number, 0, 0));
        }
    }

    /// <summary>The instructions of classic BPF that the filter uses, over struct seccomp_data.</summary>
    private static uint Run(uint architecture, uint number, ulong argument0, ulong argument2, uint argument1 = 0, ulong argument4 = 0)
    {
        FilterInstruction[] program = SystemCallFilter.Build();
        uint accumulator = 0;
        for (int position = 0; ; position++)
        {
            FilterInstruction instruction = program[position];
            switch (instruction.Code)
            {
                case 0x20:
                    accumulator = instruction.Operand switch
                    {
                        0 => number,
                        4 => architecture,
                        16 => (uint)argument0,
                        24 => argument1,
                        32 => (uint)argument2,
                        48 => (uint)argument4,
                        52 => (uint)(argument4 >> 32),
                        _ => throw new InvalidOperationException($"No field at {instruction.Operand}."),
                    };
                    break;
                case 0x06:
                    return instruction.Operand;
                case 0x15:
                    position += accumulator == instruction.Operand ? instruction.JumpTrue : instruction.JumpFalse;
                    break;
                case 0x54:
                    accumulator &= instruction.Operand;
                    break;
                case 0x35:
                    position += accumulator >= instruction.Operand ? instruction.JumpTrue : instruction.JumpFalse;
                    break;
                case 0x45:
                    position += (accumulator & instruction.Operand) != 0 ? instruction.JumpTrue : instruction.JumpFalse;
                    break;
                default:
                    throw new InvalidOperationException($"Instruction {instruction.Code:x} is not one the filter should use.");
            }
        }
    }
}
