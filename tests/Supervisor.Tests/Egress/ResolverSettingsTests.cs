using System.Net;
using IsolatedAgents.Supervisor.Egress;

namespace IsolatedAgents.Supervisor.Tests.Egress;

[TestClass]
public sealed class ResolverSettingsTests
{
    [TestMethod]
    public void Parse_Nothing_IsThisMachineByBothFamilies() =>
        CollectionAssert.AreEqual(new[] { IPAddress.Loopback, IPAddress.IPv6Loopback }, ResolverSettings.Parse([]).NameServers);

    [TestMethod]
    public void Parse_File_AddsItsServersAndDomains()
    {
        ResolverSettings settings = ResolverSettings.Parse([
            "# engine",
            "nameserver 10.0.2.3",
            "nameserver 127.0.0.1",
            "nameserver fd00::3",
            "nameserver nonsense",
            "search Example.COM. corp.test",
            "options ndots:0",
        ]);
        CollectionAssert.AreEqual(
            new[] { "127.0.0.1", "::1", "10.0.2.3", "fd00::3" },
            settings.NameServers.Select(server => server.ToString()).ToArray()
        );
        CollectionAssert.AreEqual(new[] { "example.com", "corp.test" }, settings.SearchDomains);
    }

    [TestMethod]
    public void Parse_LongFile_IsBounded()
    {
        ResolverSettings settings = ResolverSettings.Parse(
            Enumerable.Range(1, 250).SelectMany(i => new[] { $"nameserver 10.0.0.{i}", $"search d{i}.test" })
        );
        Assert.HasCount(8, settings.NameServers);
        Assert.HasCount(16, settings.SearchDomains);
    }
}
