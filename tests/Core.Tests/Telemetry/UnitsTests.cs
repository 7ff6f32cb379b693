using IsolatedAgents.Text;

namespace IsolatedAgents.Core.Tests.Telemetry;

[TestClass]
public sealed class UnitsTests
{
    [TestMethod]
    [DataRow(0L, "0 B")]
    [DataRow(1023L, "1023 B")]
    [DataRow(1024L, "1.0 KB")]
    [DataRow(2458L, "2.4 KB")]
    [DataRow(1_048_575L, "1.0 MB")]
    [DataRow(10_485_760L, "10.0 MB")]
    [DataRow(long.MaxValue, "8192.0 PB")]
    public void Bytes_Size_HasItsUnit(long value, string expected) => Assert.AreEqual(expected, Units.Bytes(value));

    [TestMethod]
    [DataRow(0.0, "0 seconds")]
    [DataRow(0.4, "0.4 seconds")]
    [DataRow(0.97, "1 second")]
    [DataRow(1.2, "1 second")]
    [DataRow(23.0, "23 seconds")]
    [DataRow(59.9, "1 minute")]
    [DataRow(500.0, "8 minutes 20 seconds")]
    [DataRow(3661.0, "1 hour 1 minute 1 second")]
    [DataRow(7200.0, "2 hours")]
    public void Duration_Span_ReadsAsPeopleSayIt(double seconds, string expected) =>
        Assert.AreEqual(expected, Units.Duration(TimeSpan.FromSeconds(seconds)));
}
