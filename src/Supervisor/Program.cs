using System.Text;
using IsolatedAgents.Protocol;
using IsolatedAgents.Supervisor.Channel;
using IsolatedAgents.Supervisor.Interop;
using IsolatedAgents.Supervisor.Launching;
using IsolatedAgents.Supervisor.Setup;

namespace IsolatedAgents.Supervisor;

internal static class Program
{
    private static int Main(string[] arguments)
    {
        try
        {
            if (arguments is [Launcher.Argument])
            {
                return Launcher.Run();
            }

            Supervisor.BlockSignals(arguments);
            return new Supervisor(HostStream.Open(arguments)).Run();
        }
        catch (Exception failure)
            when (failure is KernelException or ProtocolException or SetupException or IOException or UnauthorizedAccessException)
        {
            // The host shows this as the cause of a lost sandbox.
            _ = Descriptor.Write(2, Encoding.UTF8.GetBytes($"supervisor: {failure.Message}\n"));
            return 1;
        }
    }
}
